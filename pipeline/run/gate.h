/* The ordered gate's memory: a set of 16-byte keys. Records reach it in input order, so that of
 * equal ones the first always stays, whatever the workers did.
 *
 * Keys that were kept are written to gate.keys by the same commit as their records; a resumed run
 * reads them back. Supervisor only. The table grows by doubling up to its share of the budget. */
#ifndef GM_RUN_GATE_H
#define GM_RUN_GATE_H

#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>

#define GM_GATE_KEY_BYTES 16

struct gm_gate {
    uint64_t *slots;  /* two words each; both zero: empty */
    uint64_t n_slots; /* power of two */
    uint64_t n_keys;
    uint64_t max_bytes;
    bool has_zero; /* the all-zero key */
};

void gm_gate_init(struct gm_gate *gate, uint64_t max_bytes);
void gm_gate_free(struct gm_gate *gate);
/* *is_new tells whether the key was added. GM_NOMEM: the table is at its limit; the message says
 * what to raise. */
enum gm_status gm_gate_pass(struct gm_gate *gate, const uint8_t key[GM_GATE_KEY_BYTES],
                            bool *is_new, struct gm_err *err);
/* Adds the keys of a file from a resumed run (fd at any offset; the first n_bytes of it). */
enum gm_status gm_gate_load(struct gm_gate *gate, int fd, uint64_t n_bytes, struct gm_err *err);

#endif
