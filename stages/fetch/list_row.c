/* From the texts of a row to an item. The URL itself is not judged here: the fetcher does, so that
 * a bad URL gets the same reason from every kind of list. */
#include "fetch/list_row.h"

#include "base/num.h"
#include <stdio.h>
#include <string.h>

enum gm_status gm_list_add_bad(struct gm_list *list, uint64_t line, const char *problem,
                               struct gm_err *err)
{
    char place[512], message[768];
    snprintf(place, sizeof place, "%.400s:%llu", list->name, (unsigned long long)line);
    snprintf(message, sizeof message, "line %llu: %s", (unsigned long long)line, problem);
    struct gm_item item = {.kind = GM_ITEM_URL,
                           .locator = place,
                           .expected_bytes = UINT64_MAX,
                           .reason = GM_REASON_FETCH_LIST,
                           .message = message};
    return gm_lister_add(list->sink, &item, err);
}

static struct gm_list_value trim(struct gm_list_value value)
{
    while (value.n_bytes && strchr(" \t\r\n", value.text[0]))
        value.text++, value.n_bytes--;
    while (value.n_bytes && strchr(" \t\r\n", value.text[value.n_bytes - 1]))
        value.n_bytes--;
    return value;
}

static bool parse_sha256(struct gm_list_value hex, uint8_t digest[GM_SHA256_BYTES])
{
    if (hex.n_bytes != 2 * GM_SHA256_BYTES)
        return false;
    for (size_t i = 0; i < hex.n_bytes; i++) {
        char c = hex.text[i];
        unsigned value;
        if (c >= '0' && c <= '9')
            value = (unsigned)(c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            value = (unsigned)((c | 32) - 'a') + 10;
        else
            return false;
        digest[i / 2] = (uint8_t)(i % 2 ? digest[i / 2] | value : value << 4);
    }
    return true;
}

/* The problem of the row, or NULL; then the item holds what the row states. */
static const char *judge(const struct gm_list_row *row, struct gm_item *item)
{
    struct gm_list_value sha256 = trim(row->sha256), size = trim(row->size);
    if (memchr(item->locator, '\0', row->url.n_bytes))
        return "a NUL byte in the URL";
    if (sha256.n_bytes) {
        item->has_sha256 = parse_sha256(sha256, item->expected_sha256);
        if (!item->has_sha256)
            return "the sha256 is not 64 hexadecimal digits";
    }
    if (size.n_bytes && gm_parse_u64(size.text, size.n_bytes, &item->expected_bytes, NULL) != GM_OK)
        return "the size is not a whole number of bytes";
    return NULL;
}

enum gm_status gm_list_add(struct gm_list *list, const struct gm_list_row *row, struct gm_err *err)
{
    char url[GM_LINE_MAX_BYTES + 1];
    struct gm_list_value text = trim(row->url);
    if (text.n_bytes == 0)
        return gm_list_add_bad(list, row->line, "no URL in this row", err);
    if (text.n_bytes >= sizeof url)
        return gm_list_add_bad(list, row->line, "the URL is longer than 64 KB", err);
    memcpy(url, text.text, text.n_bytes);
    url[text.n_bytes] = '\0';
    struct gm_item item = {.kind = GM_ITEM_URL, .locator = url, .expected_bytes = UINT64_MAX};
    const char *problem =
        judge(&(struct gm_list_row){.url = text, .sha256 = row->sha256, .size = row->size}, &item);
    if (problem)
        return gm_list_add_bad(list, row->line, problem, err);
    if (list->meta.n_bytes)
        item.meta_json = gm_buf_cstr(&list->meta);
    if (list->meta.failed)
        return gm_err_set(err, GM_NOMEM, "no memory for line %llu of %s",
                          (unsigned long long)row->line, list->name);
    return gm_lister_add(list->sink, &item, err);
}
