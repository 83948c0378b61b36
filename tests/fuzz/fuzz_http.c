/* Fuzz target: any bytes as what an HTTP server sends. The first byte says how they are cut into
 * pieces; body and outcome must be those of one piece, and nothing may be read beyond a piece. */
#include "base/assert.h"
#include "fetch/message.h"
#include "fetch/request.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

struct outcome {
    bool bad, done, keeps;
    enum gm_message_end end;
    unsigned status;
    size_t n_used;
    struct gm_buf body;
};

/* Takes one piece, in memory of its own; false: no more. */
static bool take_piece(struct gm_message *message, const uint8_t *bytes, size_t n_bytes,
                       struct outcome *outcome)
{
    uint8_t *piece = malloc(n_bytes);
    size_t used = 0;
    GM_ASSERT(piece);
    memcpy(piece, bytes, n_bytes);
    while (used < n_bytes && !outcome->bad && message->at != GM_MESSAGE_DONE) {
        struct gm_message_step step;
        outcome->bad = gm_message_take(message, piece + used, n_bytes - used, &step) != NULL;
        GM_ASSERT(step.n_bytes <= n_bytes - used && (outcome->bad || step.n_bytes > 0));
        GM_ASSERT(step.body_bytes <= step.n_bytes);
        GM_ASSERT(outcome->bad || message->response->head_bytes + message->line.n_bytes <=
                                      GM_RESPONSE_MAX_HEAD_BYTES);
        gm_buf_append(&outcome->body, step.body, step.body_bytes);
        used += step.n_bytes;
    }
    free(piece);
    outcome->n_used += used;
    return !outcome->bad && message->at != GM_MESSAGE_DONE;
}

static struct outcome try_pieces(const uint8_t *data, size_t n_bytes, unsigned cut)
{
    struct outcome outcome = {0};
    struct gm_message message = {0};
    struct gm_response response = {0};
    gm_response_reset(&response);
    gm_message_begin(&message, &response);
    for (size_t at = 0, n; at < n_bytes; at += n) {
        n = cut == 0 ? n_bytes : cut < 128 ? cut : 1 + (at * 31 + cut) % (cut - 100);
        n = n < n_bytes - at ? n : n_bytes - at;
        if (!take_piece(&message, data + at, n, &outcome))
            break;
    }
    outcome.done = !outcome.bad && message.at == GM_MESSAGE_DONE;
    outcome.keeps = outcome.done && gm_message_keeps(&message);
    outcome.end = gm_message_end(&message);
    outcome.status = response.status;
    gm_response_reset(&response);
    gm_message_fini(&message);
    return outcome;
}

/* "GET /… HTTP/1.1", "Host: …" and an empty line: what the URL has does not make another one. */
static void check_request(const struct gm_buf *text)
{
    unsigned n_lines = 0;
    for (size_t i = 0; i < text->n_bytes; i++) {
        uint8_t c = text->data[i];
        bool ends = c == '\r' && i + 1 < text->n_bytes && text->data[i + 1] == '\n';
        n_lines += ends;
        i += ends;
        GM_ASSERT(ends || (c >= ' ' && c <= '~'));
    }
    GM_ASSERT(n_lines == 3 && memcmp(text->data + text->n_bytes - 4, "\r\n\r\n", 4) == 0);
}

static void try_request(const uint8_t *data, size_t n_bytes)
{
    char key[GM_TARGET_KEY_BYTES];
    struct gm_target target;
    char *url = malloc(n_bytes + 1);
    GM_ASSERT(url);
    memcpy(url, data, n_bytes);
    url[n_bytes] = '\0';
    if (gm_target_parse(url, &target)) {
        struct gm_buf text = GM_BUF_INIT, common = GM_BUF_INIT;
        gm_target_key(&target, key);
        gm_request_write(&text, &target, NULL, 0, &common);
        check_request(&text);
        gm_buf_free(&text);
    }
    free(url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes == 0)
        return 0;
    unsigned cut = data[0] ? data[0] : 1;
    struct outcome whole = try_pieces(data + 1, n_bytes - 1, 0);
    struct outcome pieces = try_pieces(data + 1, n_bytes - 1, cut);
    GM_ASSERT(whole.bad == pieces.bad && whole.done == pieces.done && whole.keeps == pieces.keeps &&
              whole.body.n_bytes == pieces.body.n_bytes);
    GM_ASSERT(whole.body.n_bytes == 0 ||
              memcmp(whole.body.data, pieces.body.data, whole.body.n_bytes) == 0);
    GM_ASSERT(whole.bad || (whole.end == pieces.end && whole.status == pieces.status &&
                            whole.n_used == pieces.n_used));
    gm_buf_free(&whole.body);
    gm_buf_free(&pieces.body);
    try_request(data + 1, n_bytes - 1);
    return 0;
}
