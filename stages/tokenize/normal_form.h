/* NFC, NFD, NFKC and NFKD as the reference has them: Unicode 9.0. What is newer is left alone. */
#ifndef GM_TOKENIZE_NORMAL_FORM_H
#define GM_TOKENIZE_NORMAL_FORM_H

#include "base/buf.h"
#include "tokenize/unicode_hf.h"

/* form: one of GM_HF_NFC .. GM_HF_NFKD. False: the text is in that form already and out is as it
 * was; else the form has been appended to out. Text that is already normal is only looked at:
 * ASCII, and for NFC most other scripts, 16 bytes at a time. text is valid UTF-8, and a byte that
 * is not stays as it is. Linear in the text. Check out->failed. */
bool gm_normal_form(unsigned form, const uint8_t *text, size_t n_bytes, struct gm_buf *out);

#endif
