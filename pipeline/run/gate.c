/* See gate.h. Open addressing with linear probing; keys are hashes already, so that their first
 * word is the position. Load factor at most 0.7. */
#include "run/gate.h"

#include "base/fs.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SLOTS 65536u

void gm_gate_init(struct gm_gate *gate, uint64_t max_bytes)
{
    memset(gate, 0, sizeof *gate);
    gate->max_bytes = max_bytes;
}

void gm_gate_free(struct gm_gate *gate)
{
    free(gate->slots);
    memset(gate, 0, sizeof *gate);
}

/* The slot that holds the key, or the empty one where it belongs. */
static uint64_t *find(uint64_t *slots, uint64_t n_slots, const uint64_t key[2])
{
    for (uint64_t i = key[0] & (n_slots - 1);; i = (i + 1) & (n_slots - 1)) {
        uint64_t *slot = slots + 2 * i;
        if ((slot[0] == key[0] && slot[1] == key[1]) || (slot[0] == 0 && slot[1] == 0))
            return slot;
    }
}

static enum gm_status grow(struct gm_gate *gate, struct gm_err *err)
{
    uint64_t n_slots = gate->n_slots ? 2 * gate->n_slots : FIRST_SLOTS;
    if ((n_slots + gate->n_slots) * GM_GATE_KEY_BYTES > gate->max_bytes)
        return gm_err_set(err, GM_NOMEM,
                          "deduplication holds %llu keys and has no room for more: raise memory",
                          (unsigned long long)gate->n_keys);
    uint64_t *slots = calloc(n_slots, GM_GATE_KEY_BYTES);
    if (!slots)
        return gm_err_set(err, GM_NOMEM, "no memory for %llu deduplication keys",
                          (unsigned long long)n_slots);
    for (uint64_t i = 0; i < gate->n_slots; i++) {
        const uint64_t *old = gate->slots + 2 * i;
        if (old[0] != 0 || old[1] != 0)
            memcpy(find(slots, n_slots, old), old, GM_GATE_KEY_BYTES);
    }
    free(gate->slots);
    gate->slots = slots;
    gate->n_slots = n_slots;
    return GM_OK;
}

enum gm_status gm_gate_pass(struct gm_gate *gate, const uint8_t key[GM_GATE_KEY_BYTES],
                            bool *is_new, struct gm_err *err)
{
    uint64_t words[2];
    memcpy(words, key, sizeof words);
    if (words[0] == 0 && words[1] == 0) {
        *is_new = !gate->has_zero;
        gate->has_zero = true;
        return GM_OK;
    }
    if (10 * gate->n_keys >= 7 * gate->n_slots) {
        enum gm_status status = grow(gate, err);
        if (status != GM_OK)
            return status;
    }
    uint64_t *slot = find(gate->slots, gate->n_slots, words);
    *is_new = slot[0] == 0 && slot[1] == 0;
    if (*is_new) {
        memcpy(slot, words, sizeof words);
        gate->n_keys++;
    }
    return GM_OK;
}

enum gm_status gm_gate_load(struct gm_gate *gate, int fd, uint64_t n_bytes, struct gm_err *err)
{
    uint8_t keys[4096 * GM_GATE_KEY_BYTES / 4];
    for (uint64_t at = 0; at < n_bytes;) {
        size_t n_read;
        size_t wanted = n_bytes - at < sizeof keys ? (size_t)(n_bytes - at) : sizeof keys;
        enum gm_status status = gm_pread_full(fd, keys, wanted, at, &n_read, err);
        if (status == GM_OK && (n_read != wanted || wanted % GM_GATE_KEY_BYTES != 0))
            status = gm_err_set(err, GM_INPUT, "gate.keys is cut off at byte %llu",
                                (unsigned long long)(at + n_read));
        bool is_new;
        for (size_t i = 0; status == GM_OK && i < wanted; i += GM_GATE_KEY_BYTES)
            status = gm_gate_pass(gate, keys + i, &is_new, err);
        if (status != GM_OK)
            return status;
        at += wanted;
    }
    return GM_OK;
}
