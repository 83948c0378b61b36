"""Token files against a reader of their own (tests/lib/token_files.py), with a tokenizer whose ids
are the bytes of the text, so that what they must hold is computed from the input alone. Formats,
widths of ids, shards, end tokens, truncation, rejects, numbers of workers, decoding back."""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

LIB = os.path.join(os.path.dirname(__file__), "../../lib")
GRISTMILL = os.environ["GRISTMILL"]
EOS = 256
FORMATS = ("megatron", "npy", "ds", "jsonl")
bad = 0


def check(right, what):
    global bad
    if not right:
        print("FAILED:", what)
        bad += 1
    return right


def tool(name, *args):
    return subprocess.run([sys.executable, os.path.join(LIB, name), *args], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def make_texts(rng):
    """Lengths around block and page sizes, every script's widths, and what looks special."""
    texts = ["a", "\u00e9", "\u65e5\u672c", "\U0001f600", "<|endoftext|>", "x <|last|> y", " \t ", "\x7f\u0001"]
    words = ["the", "of", "na\u00efve", "\u0434\u043e\u043c", "\u4e2d\u6587", "\U0001f469\u200d\U0001f4bb", "\n\n", "42"]
    for length in [1, 2, 3, 255, 256, 257, 4095, 65536, 300000]:
        texts.append("z" * length)
    for _ in range(1500):
        texts.append(" ".join(rng.choice(words) for _ in range(rng.randrange(1, 200))))
    rng.shuffle(texts)
    return texts


def write_input(path, texts):
    """The texts, with lines between them that are rejected: 3 empty, 1 no JSON, 1 without the field."""
    lines = [json.dumps({"text": text, "n": n}, ensure_ascii=n % 2 == 0) for n, text in enumerate(texts)]
    for n, line in enumerate(['{"text":""}', '{"text": ""}', "{nonsense", '{"words":"x"}', '{"text":"","n":1}']):
        lines.insert((n + 1) * len(lines) // 7, line)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def ids_of(text, last):
    """Added tokens are found in the text, as the reference does."""
    data = text.encode()
    ids = []
    while data:
        if data.startswith(b"<|endoftext|>"):
            ids.append(EOS)
            data = data[13:]
        elif last is not None and data.startswith(b"<|last|>"):
            ids.append(last)
            data = data[8:]
        else:
            ids.append(data[0])
            data = data[1:]
    return ids


def gristmill(*args, code=0):
    done = subprocess.run([GRISTMILL, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    check(done.returncode == code, f"{args}: exit {done.returncode} instead of {code}\n{done.stderr[-1500:]}")
    return done


def tokenize(work, out, tokenizer, *args):
    shutil.rmtree(out, ignore_errors=True)
    done = gristmill("tokenize", f"{work}/in.jsonl", "-t", tokenizer, "-o", out, "--json", *args)
    return json.loads(done.stdout) if done.returncode == 0 else None


def files_of(out):
    """Name and SHA-256 of all outputs."""
    with open(f"{out}/manifest.json", encoding="utf-8") as file:
        manifest = json.load(file)
    return [(file["name"], file["sha256"]) for file in manifest["files"]]


def documents(out, kind):
    return [json.loads(line) for line in tool("token_files.py", out, kind).splitlines()]


def counters_of(wanted, texts):
    lengths = {}
    for ids in wanted:
        name = f"tokens.length_{1 << (len(ids).bit_length() - 1)}"
        lengths[name] = lengths.get(name, 0) + 1
    return {"tokens.documents": len(wanted), "tokens.tokens": sum(map(len, wanted)),
            "tokens.bytes": sum(len(text.encode()) for text in texts), **lengths}


def check_formats(work, texts, last, name):
    """All formats hold the same documents, in shards, whatever the number of workers."""
    wanted = [ids_of(text, last) + [EOS] for text in texts]
    tokenizer = f"{work}/{name}.json"
    with open(tokenizer, "w", encoding="utf-8") as file:
        file.write(tool("byte_tokenizer.py", *([] if last is None else [str(last)])))
    for kind in FORMATS:
        out = f"{work}/{name}-{kind}"
        reference = None
        for workers in (1, 2, 3, 8):
            summary = tokenize(work, out, tokenizer, "--format", kind, "--append-eos",
                               *([] if kind == "jsonl" else ["--shard", "400KB"]),
                               "--workers", str(workers), "--memory", "2GB")
            if not summary:
                return
            files = files_of(out)
            reference = reference or files
            check(files == reference, f"{name} {kind}: other bytes with {workers} workers")
        check(documents(out, kind) == wanted, f"{name} {kind}: other documents")
        check(kind == "jsonl" or len(files) > 5, f"{name} {kind}: no more than one shard")
        counters = {key: n for key, n in summary["counters"].items() if n}
        check(counters == counters_of(wanted, texts), f"{name} {kind}: counted {counters}")
        check(summary["rejected"] == 3 and summary["failed"] == 2 and summary["written"] == len(texts),
              f"{name} {kind}: {summary}")
        check(not [x for x in os.listdir(out) if x.endswith(".sizes")], f"{name} {kind}: sizes are left")
        gristmill("verify", out)
        check_decoding(out, tokenizer, texts, last, f"{name} {kind}")


def check_decoding(out, tokenizer, texts, last, what):
    special = ["<|endoftext|>"] + (["<|last|>"] if last is not None else [])
    for flag in ([], ["--skip-special"]):
        done = gristmill("tokenize", "--decode", out, "-t", tokenizer, *flag)
        decoded = [json.loads(line)["text"] for line in done.stdout.splitlines()]
        expected = [text + "<|endoftext|>" for text in texts]
        for token in special if flag else []:
            expected = [text.replace(token, "") for text in expected]
        check(decoded == expected, f"{what}: decoded to something else {flag}")


def check_widths(work):
    """u16 as far as each format's readers take it; files of the right width say so themselves."""
    with open(f"{work}/in.jsonl", "w", encoding="utf-8") as file:
        file.write('{"text":"ab"}\n')
    for last, kind, extension, width in [
            (65498, "megatron", ".bin", 2), (65499, "megatron", ".bin", 4), (65535, "ds", ".ds", 2),
            (65536, "ds", ".ds", 4), (65535, "npy", ".npy", 2), (65536, "npy", ".npy", 4)]:
        tokenizer, out = f"{work}/width.json", f"{work}/width"
        with open(tokenizer, "w", encoding="utf-8") as file:
            file.write(tool("byte_tokenizer.py", str(last)))
        tokenize(work, out, tokenizer, "--format", kind)
        n_head = 128 if kind == "npy" else 0
        size = os.path.getsize(f"{out}/tokens-00000{extension}") - n_head
        check(size == 2 * width, f"{kind} with ids to {last}: {size} bytes for two ids")
        check(documents(out, kind) == [[97, 98]], f"{kind} with ids to {last}: other ids")
    for kind, dtype, code in [("megatron", "u32", 78), ("ds", "i32", 78), ("megatron", "u16", 78), ("npy", "i32", 0)]:
        shutil.rmtree(out, ignore_errors=True)
        gristmill("tokenize", f"{work}/in.jsonl", "-t", tokenizer, "-o", out, "--format", kind, "--dtype", dtype,
                  code=code)


def check_truncation(work, texts, tokenizer):
    write_input(f"{work}/in.jsonl", texts)
    all_ids = [ids_of(text, None) + [EOS] for text in texts]
    summary = tokenize(work, f"{work}/cut", tokenizer, "--format", "jsonl", "--append-eos", "--max-tokens", "100")
    cut = [ids if len(ids) <= 100 else ids[:99] + [EOS] for ids in all_ids]
    check(documents(f"{work}/cut", "jsonl") == cut, "max_tokens: other ids")
    counters = summary["counters"]
    n_over = sum(len(ids) > 100 for ids in all_ids)
    check(counters["tokens.truncated"] == n_over > 0, "max_tokens: truncated documents are not counted")
    check(counters["tokens.tokens_cut"] == sum(map(len, all_ids)) - sum(map(len, cut)), "max_tokens: lost ids")
    with open(f"{work}/cut/records-00000.jsonl", encoding="utf-8") as file:
        told = [json.loads(line)["truncated"] for line in file]
    check(told == [len(a) - len(b) for a, b in zip(all_ids, cut)], "max_tokens: the column does not say it")
    summary = tokenize(work, f"{work}/over", tokenizer, "--max-tokens", "100", "--over", "reject")
    n_over = sum(len(ids) - 1 > 100 for ids in all_ids)
    check(summary["reasons"].get("limit.tokens") == n_over, f"over: {summary['reasons']}")
    check(documents(f"{work}/over", "megatron") == [ids[:-1] for ids in all_ids if len(ids) <= 101],
          "over: other documents")


def main():
    rng = random.Random(11)
    texts = make_texts(rng)
    with tempfile.TemporaryDirectory() as work:
        os.chmod(work, 0o755)
        write_input(f"{work}/in.jsonl", texts)
        check_formats(work, texts, None, "narrow")
        check_formats(work, texts, 70000, "wide-last")
        check_truncation(work, texts, f"{work}/narrow.json")
        check_widths(work)
    sys.exit(1 if bad else 0)


main()
