"""A writer of SentencePiece's precompiled_charsmap (a Darts double array), for tests."""
import struct


def build(mapping):
    """bytes of a charsmap that replaces each key (str) by its value (str)."""
    replacements, places = bytearray(), {}
    for value in mapping.values():
        if value not in places:
            places[value] = len(replacements)
            replacements += value.encode() + b"\0"
    root = {}
    for key, value in mapping.items():
        node = root
        for byte in key.encode():
            node = node.setdefault(byte, {})
        node[None] = places[value]
    units, used_bases = {}, set()
    base_guess = [1]

    def find_base(labels, position):
        base = base_guess[0]
        while True:
            offset = base ^ position
            fits = offset < 1 << 21 and base not in used_bases
            if fits and all((base ^ label) not in units and base ^ label != 0 for label in labels):
                return base
            base += 1

    units[0] = 0
    stack = [(root, 0, 0)]
    while stack:
        node, position, unit = stack.pop()
        labels = [0 if label is None else label for label in node]
        if not labels:
            units[position] = unit
            continue
        base = find_base(labels, position)
        used_bases.add(base)
        while base_guess[0] in used_bases:
            base_guess[0] += 1
        units[position] = unit | (base ^ position) << 10 | (1 << 8 if None in node else 0)
        for label, child in node.items():
            if label is None:
                units[base] = 1 << 31 | child
            else:
                units[base ^ label] = label
                stack.append((child, base ^ label, label))
    size = max(units) + 257
    trie = struct.pack(f"<{size}I", *[units.get(i, 0) for i in range(size)])
    return struct.pack("<I", len(trie)) + trie + bytes(replacements)
