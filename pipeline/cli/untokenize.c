/* See untokenize.h. */
#include "cli/untokenize.h"

#include "cli/confine.h"
#include "cli/tokenfile.h"
#include "tokenize/tokenizer.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FLUSH_BYTES (64u << 10)

struct untokenizer {
    struct gm_cli *cli;
    struct gm_tokenizer *tokenizer;
    unsigned flags; /* enum gm_decode_flags */
    struct gm_buf text;
};

static enum gm_status print_document(struct untokenizer *untokenizer, const uint32_t *ids,
                                     size_t n_ids, struct gm_err *err)
{
    struct gm_buf *out = &untokenizer->cli->out;
    gm_buf_clear(&untokenizer->text);
    enum gm_status status =
        gm_decode(untokenizer->tokenizer, ids, n_ids, untokenizer->flags, &untokenizer->text, err);
    if (status != GM_OK)
        return status;
    gm_buf_text(out, "{\"text\":");
    gm_json_string(out, gm_buf_cstr(&untokenizer->text), untokenizer->text.n_bytes);
    gm_buf_text(out, "}\n");
    return out->n_bytes >= FLUSH_BYTES ? gm_cli_flush(untokenizer->cli, err) : GM_OK;
}

static enum gm_status print_file(struct untokenizer *untokenizer, const char *path,
                                 struct gm_err *err)
{
    struct gm_tokenfile *file;
    const uint32_t *ids;
    size_t n_ids;
    uint64_t n = 0;
    enum gm_status status =
        gm_tokenfile_open(&file, path, gm_tokenizer_spec(untokenizer->tokenizer)->n_ids, err);
    while (status == GM_OK) {
        status = gm_tokenfile_next(file, &ids, &n_ids, err);
        if (status == GM_END) {
            gm_tokenfile_close(file);
            return GM_OK;
        }
        if (status == GM_OK)
            status = print_document(untokenizer, ids, n_ids, err);
        n++;
    }
    if (status != GM_END && file)
        gm_err_add(err, "%s: document %llu", path, (unsigned long long)n - 1);
    gm_tokenfile_close(file);
    return status;
}

/* In a run folder everything else with such an ending is no token file. */
static int is_shard(const struct dirent *entry)
{
    return gm_tokenfile_is_name(entry->d_name) && (strncmp(entry->d_name, "tokens-", 7) == 0 ||
                                                   strncmp(entry->d_name, "records-", 8) == 0);
}

static enum gm_status print_folder(struct untokenizer *untokenizer, const char *path,
                                   struct gm_err *err)
{
    struct dirent **entries;
    enum gm_status status = GM_OK;
    int n = scandir(path, &entries, is_shard, alphasort);
    if (n < 0)
        return gm_err_set(err, GM_IO, "unable to list %s", path);
    if (n == 0)
        status = gm_err_set(err, GM_INPUT, "%s: there are no token files in it", path);
    for (int i = 0; i < n; i++) {
        struct gm_buf file = GM_BUF_INIT;
        gm_buf_printf(&file, "%s/%s", path, entries[i]->d_name);
        if (status == GM_OK)
            status = print_file(untokenizer, gm_buf_cstr(&file), err);
        gm_buf_free(&file);
        free(entries[i]);
    }
    free(entries);
    return status;
}

enum gm_status gm_untokenize(struct gm_cli *cli, const char *tokenizer, bool skip_special,
                             struct gm_err *err)
{
    struct untokenizer untokenizer = {
        .cli = cli, .flags = skip_special ? GM_DECODE_SKIP_SPECIAL : 0, .text = GM_BUF_INIT};
    enum gm_status status = gm_cli_enter_sandbox(err);
    if (status == GM_OK)
        status = gm_tokenizer_open(&untokenizer.tokenizer, tokenizer, NULL, err);
    for (unsigned i = 0; i < cli->n_arguments && status == GM_OK; i++) {
        struct stat info;
        bool folder = stat(cli->arguments[i], &info) == 0 && S_ISDIR(info.st_mode);
        status = folder ? print_folder(&untokenizer, cli->arguments[i], err)
                        : print_file(&untokenizer, cli->arguments[i], err);
    }
    gm_tokenizer_free(untokenizer.tokenizer);
    gm_buf_free(&untokenizer.text);
    return status == GM_END ? GM_OK : status;
}
