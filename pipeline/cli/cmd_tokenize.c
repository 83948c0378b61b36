/* gristmill tokenize FILES -t tokenizer.json -o OUT: text to token files, and back (untokenize.c).
 * Builds a job of the stages extract, utf8 and tokenize and the sink tokens, or records for JSON
 * Lines. Standard input is kept in the run folder first: a run that goes on must find its input
 * again. */
#include "cli/commands.h"
#include "cli/job.h"
#include "cli/untokenize.h"

#include "base/fs.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_OUT "tokens"
#define STDIN_NAME  "stdin"
#define CHUNK_BYTES (256u << 10)

enum format { FORMAT_MEGATRON, FORMAT_NPY, FORMAT_DS, FORMAT_JSONL };
static const char *const formats[] = {"megatron", "npy", "ds", "jsonl", NULL};

struct opts {
    char *tokenizer;
    int format; /* enum format */
    bool append_eos;
    char *eos;
    bool count_only, decode, skip_special;
};

#define FIELD(name) offsetof(struct opts, name)
static const struct gm_opt table[] = {
    {"tokenizer", GM_OPT_STRING, FIELD(tokenizer), NULL, 0, 0, NULL, NULL,
     "tokenizer.json, .tiktoken file or compiled image"},
    {"format", GM_OPT_ENUM, FIELD(format), "megatron", 0, 0, formats, NULL,
     "of the token files: .bin and .idx; .npy; .ds of datatrove; or JSON Lines with input_ids"},
    {"append_eos", GM_OPT_BOOL, FIELD(append_eos), "false", 0, 0, NULL, NULL,
     "end each document with the token that the tokenizer's files name for it"},
    {"eos", GM_OPT_STRING, FIELD(eos), NULL, 0, 0, NULL, NULL, "the same with this token"},
    {"count_only", GM_OPT_BOOL, FIELD(count_only), "false", 0, 0, NULL, NULL,
     "write no tokens: only print the statistics"},
    {"decode", GM_OPT_BOOL, FIELD(decode), "false", 0, 0, NULL, NULL,
     "read token files, print {\"text\": ...} for each document"},
    {"skip_special", GM_OPT_BOOL, FIELD(skip_special), "false", 0, 0, NULL, NULL,
     "with --decode: leave special tokens out"},
    GM_OPT_END};
#undef FIELD
static const struct gm_short shorts[] = {{'t', "tokenizer"}, {'o', "out"}, {'\0', NULL}};
static const char *const sections[] = {"text.tokenize", "text.extract", "sink.tokens", "", NULL};

/* ---- standard input ---- */

/* JSON Lines if it begins like JSON or is compressed, one text if not. */
static const char *stdin_name(const uint8_t *data, size_t n_bytes)
{
    size_t at = n_bytes >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    while (at < n_bytes && strchr(" \t\r\n", data[at]) && data[at])
        at++;
    bool text =
        at < n_bytes && data[at] != '{' && data[at] != 0x1f && data[at] != 0x28 && data[at] != 0xfd;
    return text ? STDIN_NAME ".txt" : STDIN_NAME ".jsonl";
}

static enum gm_status copy_stdin(int dir_fd, const char **name, struct gm_err *err)
{
    uint8_t *chunk = malloc(CHUNK_BYTES);
    int fd = -1;
    size_t n_read = CHUNK_BYTES;
    enum gm_status status = chunk ? GM_OK : gm_err_set(err, GM_NOMEM, "out of memory");
    if (status == GM_OK)
        status = gm_open_at(dir_fd, STDIN_NAME ".part", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
                            &fd, err);
    for (*name = NULL; status == GM_OK && n_read == CHUNK_BYTES;) {
        status = gm_read_full(STDIN_FILENO, chunk, CHUNK_BYTES, &n_read, err);
        if (!*name)
            *name = stdin_name(chunk, n_read);
        if (status == GM_OK)
            status = gm_write_full(fd, chunk, n_read, STDIN_NAME, err);
    }
    gm_close(&fd);
    free(chunk);
    if (status == GM_OK && renameat(dir_fd, STDIN_NAME ".part", dir_fd, *name) != 0)
        status = gm_err_sys(err, GM_IO, errno, "unable to create %s", *name);
    return status;
}

/* Standard input as a file of the folder. What an unfinished run has kept there is used instead. */
static enum gm_status keep_stdin(const char *out, struct gm_buf *path, struct gm_err *err)
{
    static const char *const names[] = {STDIN_NAME ".jsonl", STDIN_NAME ".txt"};
    int fd = -1;
    const char *name = NULL;
    enum gm_status status = gm_make_dirs(AT_FDCWD, out, err);
    if (status == GM_OK)
        status = gm_open_at(AT_FDCWD, out, O_RDONLY | O_DIRECTORY, &fd, err);
    bool finished = status == GM_OK && faccessat(fd, "manifest.json", F_OK, 0) == 0;
    for (size_t i = 0; i < GM_ARRAY_LEN(names) && status == GM_OK && !finished; i++)
        if (faccessat(fd, names[i], F_OK, 0) == 0)
            name = names[i];
    if (name)
        gm_log(GM_LOG_INFO, "%s/%s of the unfinished run is used, not standard input", out, name);
    else if (finished)
        status = gm_err_set(err, GM_CONFIG,
                            "%s holds a finished run: give standard input another -o", out);
    else if (status == GM_OK)
        status = copy_stdin(fd, &name, err);
    if (status == GM_OK)
        gm_buf_printf(path, "%s/%s", out, name);
    gm_close(&fd);
    return status;
}

/* ---- the job ---- */

static enum gm_status add_sources(struct gm_cli *cli, struct gm_buf *yaml, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    unsigned n_stdin = 0;
    gm_buf_text(yaml, "source:\n");
    for (unsigned i = 0; i < cli->n_arguments && status == GM_OK; i++) {
        struct gm_buf path = GM_BUF_INIT;
        if (strcmp(cli->arguments[i], "-") != 0)
            gm_buf_text(&path, cli->arguments[i]);
        else if (n_stdin++ > 0)
            status = gm_err_set(err, GM_USAGE, "standard input can be read once only");
        else if (cli->common.dry_run)
            gm_buf_printf(&path, "%s/" STDIN_NAME ".jsonl", gm_job_out(cli, DEFAULT_OUT));
        else
            status = keep_stdin(gm_job_out(cli, DEFAULT_OUT), &path, err);
        gm_buf_text(yaml, "  - files: ");
        gm_job_quote(yaml, gm_buf_cstr(&path));
        gm_buf_char(yaml, '\n');
        gm_buf_free(&path);
    }
    return status;
}

static void add_chain(const struct opts *opts, struct gm_buf *yaml)
{
    gm_buf_text(yaml, "text:\n  - extract: {keep: none}\n  - tokenize:\n      tokenizer: ");
    gm_job_quote(yaml, opts->tokenizer);
    if (opts->eos || opts->append_eos) {
        gm_buf_text(yaml, "\n      append_eos: ");
        gm_job_quote(yaml, opts->eos ? opts->eos : "auto");
    }
    gm_buf_text(yaml, "\nsink:\n");
    if (opts->format == FORMAT_JSONL && !opts->count_only)
        gm_buf_text(yaml, "  records: {format: jsonl, fields: [input_ids, n_tokens, truncated]}\n");
    gm_buf_printf(yaml, "  tokens: {format: %s}\n",
                  opts->count_only || opts->format == FORMAT_JSONL ? "none"
                                                                   : formats[opts->format]);
}

static enum gm_status run_counting(struct gm_cli *cli, struct gm_buf *yaml, struct gm_err *err)
{
    struct gm_plan *plan;
    struct gm_run_summary summary = {0};
    enum gm_status status = gm_job_parse(cli, yaml, &plan, err);
    if (status == GM_OK) {
        status = gm_job_execute(cli, plan, &summary, err);
        gm_job_report(cli, plan, &summary, status, &cli->out);
    }
    gm_plan_free(plan);
    return status;
}

/* Without -o nothing stays: the folder of the run is a temporary one. */
static enum gm_status count_only(struct gm_cli *cli, struct gm_buf *yaml, const char *temporary,
                                 struct gm_err *err)
{
    struct gm_err ignored;
    if (cli->common.dry_run)
        return gm_job_short(cli, yaml, err);
    enum gm_status status = run_counting(cli, yaml, err);
    if (*temporary)
        gm_remove_tree(AT_FDCWD, temporary, &ignored);
    return status;
}

static enum gm_status use_temporary(struct gm_cli *cli, struct gm_buf *folder, struct gm_err *err)
{
    const char *parent = getenv("TMPDIR");
    gm_buf_printf(folder, "%s/gristmill-XXXXXX", parent && *parent ? parent : "/tmp");
    gm_buf_cstr(folder);
    if (folder->failed || !mkdtemp((char *)folder->data))
        return gm_err_sys(err, GM_IO, errno, "unable to create a temporary folder");
    struct gm_buf setting = GM_BUF_INIT;
    gm_buf_printf(&setting, "out=%s", gm_buf_cstr(folder));
    enum gm_status status = gm_job_set(cli, gm_buf_cstr(&setting), err);
    if (status == GM_OK)
        status = gm_job_set(cli, "durability=none", err);
    gm_buf_free(&setting);
    return status;
}

static enum gm_status tokenize(struct gm_cli *cli, const struct opts *opts, struct gm_err *err)
{
    struct gm_buf yaml = GM_BUF_INIT, temporary = GM_BUF_INIT;
    enum gm_status status = GM_OK;
    if (opts->count_only && !cli->common.dry_run && !gm_job_out(cli, NULL))
        status = use_temporary(cli, &temporary, err);
    gm_buf_text(&yaml, "job: tokenize\nout: " DEFAULT_OUT "\n");
    if (status == GM_OK)
        status = add_sources(cli, &yaml, err);
    add_chain(opts, &yaml);
    if (status == GM_OK && opts->count_only)
        status = count_only(cli, &yaml, gm_buf_cstr(&temporary), err);
    else if (status == GM_OK)
        status = gm_job_short(cli, &yaml, err);
    gm_buf_free(&yaml);
    gm_buf_free(&temporary);
    return status;
}

static enum gm_status run(struct gm_cli *cli, const void *options, struct gm_err *err)
{
    const struct opts *opts = options;
    if (!opts->tokenizer)
        return gm_err_set(err, GM_USAGE, "expected -t and the file of a tokenizer");
    if (opts->decode && opts->count_only)
        return gm_err_set(err, GM_USAGE, "--decode and --count-only exclude each other");
    if (opts->decode)
        return gm_untokenize(cli, opts->tokenizer, opts->skip_special, err);
    return tokenize(cli, opts, err);
}

const struct gm_command gm_cmd_tokenize = {
    .name = "tokenize",
    .arguments = "FILE|DIR|-...",
    .summary = "turn text into token files that training programs read",
    .details =
        "Takes plain text (one document a file), JSON Lines (one a line; --field names the "
        "text), archives of them, all also compressed, folders, and - for standard input. "
        "The ids are those of Hugging Face tokenizers or tiktoken for the same file. Writes to "
        "the folder " DEFAULT_OUT " if -o names no other. At the end it prints tokens, bytes a "
        "token, unknown tokens and the lengths of the "
        "documents. Stands for a job that --dry-run prints. Started again it goes on where "
        "it was stopped.\n"
        "--decode goes the other way: from .bin, .npy, .ds or .jsonl files, or the folder "
        "of a run, to standard output.",
    .examples = "  gristmill tokenize corpus.jsonl.zst -t tokenizer.json -o out --append-eos\n"
                "  gristmill tokenize books/ -t cl100k_base.tiktoken --count-only\n"
                "  gristmill tokenize out -t tokenizer.json --decode | head -n 1\n",
    .min_arguments = 1,
    .max_arguments = 64,
    .opts = table,
    .shorts = shorts,
    .opts_bytes = sizeof(struct opts),
    .sections = sections,
    .run = run,
};
