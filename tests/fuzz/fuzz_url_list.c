/* Fuzz target: any bytes as a URL list. The first byte chooses the format; the rest is read as
 * standard input, gzip or not. Every item must be usable by whoever takes it. */
#include "base/assert.h"
#include "base/fs.h"
#include "fetch/list_row.h"
#include "fetch/url.h"
#include "source.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const struct gm_lister gm_list_urls;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* Stands in for the engine's. */
enum gm_status gm_lister_add(struct gm_lister_sink *sink, const struct gm_item *item,
                             struct gm_err *err)
{
    struct gm_url parts;
    const char *problem;
    (void)sink, (void)err;
    GM_ASSERT(item->locator && *item->locator);
    GM_ASSERT(strlen(item->locator) <= GM_LINE_MAX_BYTES);
    GM_ASSERT((item->reason == GM_REASON_NONE) == (item->message == NULL));
    GM_ASSERT(!item->meta_json || item->meta_json[0] == '{');
    if (item->reason == GM_REASON_NONE)
        (void)gm_url_split(item->locator, &parts, &problem);
    return GM_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct gm_list_urls_opts opts = {
        .urls = (char *)"-", .column = (char *)"url", .sha256_column = NULL, .size_column = NULL};
    if (n_bytes == 0)
        return 0;
    opts.format = data[0] % GM_LIST_FORMATS;
    if (data[0] & 0x80) {
        opts.sha256_column = (char *)"sha256";
        opts.size_column = (char *)"size";
    }
    int fd = memfd_create("list", MFD_CLOEXEC);
    if (fd < 0)
        return 0;
    if (gm_write_full(fd, data + 1, n_bytes - 1, "list", NULL) == GM_OK &&
        lseek(fd, 0, SEEK_SET) == 0)
        gm_list_urls.list(&opts, fd, (struct gm_lister_sink *)&opts, NULL);
    gm_close(&fd);
    return 0;
}
