/* Fuzz target: any bytes as what a server or a list says in text: response heads, URLs, robots.txt,
 * Retry-After, address blocks. */
#include "base/assert.h"
#include "fetch/address.h"
#include "fetch/response.h"
#include "fetch/retry.h"
#include "fetch/robots.h"
#include "fetch/url.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void try_head(const char *text)
{
    struct gm_response response = {0};
    gm_response_reset(&response);
    while (*text) {
        size_t n = strcspn(text, "\n");
        n += text[n] == '\n';
        if (gm_response_line(&response, text, n))
            break;
        text += n;
    }
    (void)gm_response_is_framed(&response);
    gm_response_reset(&response);
}

static void try_url(const char *text)
{
    struct gm_url parts;
    const char *problem;
    char key[64];
    if (gm_url_split(text, &parts, &problem) != GM_REASON_NONE)
        return;
    GM_ASSERT(parts.path + parts.path_bytes <= text + strlen(text));
    GM_ASSERT(gm_url_host_key(&parts, key, sizeof key) < sizeof key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct gm_network network;
    uint64_t wait_ms;
    char *text = malloc(n_bytes + 1);
    if (!text)
        return 0;
    memcpy(text, data, n_bytes);
    text[n_bytes] = '\0';
    try_head(text);
    try_url(text);
    (void)gm_retry_after_ms(text, 0, &wait_ms);
    (void)gm_network_parse(text, &network, NULL);
    struct gm_robots *robots = gm_robots_parse(data, n_bytes);
    (void)gm_robots_allows(robots, text, n_bytes < 64 ? n_bytes : 64);
    gm_robots_free(robots);
    free(text);
    return 0;
}
