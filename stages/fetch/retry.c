/* The retry rules. Full jitter, because clients that wait the same time come back together; the
 * server's Retry-After is a minimum that jitter never undercuts (the caller takes the larger). */
#include "fetch/retry.h"

#include "base/assert.h"
#include "base/num.h"
#include <stddef.h>
#include <string.h>
#include <time.h>

static const uint16_t retried[] = {408, 425, 429, 500, 502, 503, 504, 509,
                                   520, 521, 522, 523, 524, 529, 530};

bool gm_retry_status(unsigned http_status)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(retried); i++)
        if (retried[i] == http_status)
            return true;
    return false;
}

bool gm_retry_status_slow_down(unsigned http_status)
{
    return http_status == 429 || http_status == 503 || http_status == 529;
}

uint64_t gm_retry_backoff_ms(uint64_t base_ms, uint64_t cap_ms, unsigned n_tries, uint64_t random)
{
    uint64_t bound = base_ms;
    for (unsigned i = 1; i < n_tries && bound < cap_ms; i++)
        bound *= 2;
    if (bound > cap_ms)
        bound = cap_ms;
    return bound == UINT64_MAX ? random : random % (bound + 1);
}

bool gm_retry_after_ms(const char *value, int64_t now_s, uint64_t *wait_ms)
{
    /* IMF-fixdate, RFC 850 and asctime, in the order of RFC 9110, section 5.6.7 */
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    size_t n_bytes = strlen(value);
    uint64_t seconds = 0;
    if (gm_parse_u64(value, n_bytes, &seconds, NULL) == GM_OK) {
        *wait_ms = (seconds < UINT32_MAX ? seconds : UINT32_MAX) * 1000;
        return true;
    }
    for (size_t i = 0; i < GM_ARRAY_LEN(forms); i++) {
        struct tm date = {0};
        const char *end = strptime(value, forms[i], &date);
        if (!end || *end != '\0')
            continue;
        int64_t then_s = timegm(&date);
        *wait_ms = then_s > now_s ? (uint64_t)(then_s - now_s) * 1000 : 0;
        return true;
    }
    return false;
}

uint64_t gm_retry_random(uint64_t *state)
{
    /* splitmix64 */
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}
