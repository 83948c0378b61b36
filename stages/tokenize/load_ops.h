/* One step of a normalizer, pre-tokenizer or decoder, as the file has it: a table of names for each
 * of the three. Private to load*.c. */
#ifndef GM_TOKENIZE_LOAD_OPS_H
#define GM_TOKENIZE_LOAD_OPS_H

#include "tokenize/load_parts.h"

struct gm_op_reader {
    const char *name; /* "type" in the file; NULL ends a table */
    uint16_t kind;
    /* Reads the members; NULL: there are none. */
    enum gm_status (*read)(struct gm_loader *loader, struct gm_json_node node, struct gm_op *op);
};

const struct gm_op_reader *gm_normalizer_readers(void);
const struct gm_op_reader *gm_pretokenizer_readers(void);
const struct gm_op_reader *gm_decoder_readers(void);

#endif
