/* gristmill stages [NAME]: what a job may contain, from the tables of the stages themselves. */
#include "cli/commands.h"
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

static const struct gm_opt table[] = {GM_OPT_END};

static const char *type_name(enum gm_type type)
{
    static const char *const names[] = {
        [GM_TYPE_U64] = "whole number", [GM_TYPE_I64] = "whole number",
        [GM_TYPE_F64] = "number",       [GM_TYPE_BOOL] = "true or false",
        [GM_TYPE_STRING] = "text",      [GM_TYPE_BYTES] = "bytes",
        [GM_TYPE_JSON] = "JSON",        [GM_TYPE_LIST_U32] = "list of numbers",
    };
    return names[type];
}

static void row(struct gm_buf *out, const char *name, const char *summary)
{
    gm_buf_printf(out, "  %-18s %s\n", name, summary);
}

static void list_all(struct gm_buf *out)
{
    char name[64];
    gm_buf_text(out, "sources\n");
    for (size_t i = 0; gm_listers[i]; i++) {
        snprintf(name, sizeof name, "source.%s", gm_listers[i]->name);
        row(out, name, gm_listers[i]->summary);
    }
    gm_buf_text(out, "input\n");
    row(out, "fetch", "how sources are read");
    row(out, "unpack", gm_unpack.summary);
    gm_buf_text(out, "stages\n");
    for (size_t i = 0; gm_stages[i]; i++) {
        snprintf(name, sizeof name, "%s.%s", gm_stages[i]->family, gm_stages[i]->name);
        row(out, name, gm_stages[i]->summary);
    }
    gm_buf_text(out, "sinks\n");
    for (size_t i = 0; gm_sinks[i]; i++) {
        snprintf(name, sizeof name, "sink.%s", gm_sinks[i]->name);
        row(out, name, gm_sinks[i]->summary);
    }
    gm_buf_text(out, "\n\"gristmill stages NAME\" shows options and columns.\n");
}

static void columns(struct gm_buf *out, const char *title, const struct gm_column_def *def)
{
    if (!def->name)
        return;
    gm_buf_printf(out, "\n%s:\n", title);
    for (; def->name; def++) {
        gm_buf_printf(out, "  %s: %s%s%s%s\n", def->name, type_name(def->type),
                      def->unit ? ", " : "", def->unit ? def->unit : "",
                      def->flags & GM_COLUMN_HIDDEN ? " (not in records)" : "");
        if (def->help)
            gm_help_wrap(out, def->help, 8);
    }
}

static void one(struct gm_buf *out, const char *name, const char *summary,
                const struct gm_opt *opts)
{
    gm_buf_printf(out, "%s: %s\n", name, summary);
    gm_buf_text(out, opts->name ? "\nOptions:\n" : "\nIt has no options.\n");
    gm_help_options(out, opts, "", NULL);
}

/* "text.stats" or "stats" */
static const struct gm_stage *find_stage(const char *name)
{
    const char *dot = strchr(name, '.');
    for (size_t i = 0; gm_stages[i]; i++) {
        const struct gm_stage *stage = gm_stages[i];
        bool family = !dot || (strlen(stage->family) == (size_t)(dot - name) &&
                               strncmp(stage->family, name, (size_t)(dot - name)) == 0);
        if (family && strcmp(stage->name, dot ? dot + 1 : name) == 0)
            return stage;
    }
    return NULL;
}

/* Is name "PREFIX.WORD" or "WORD"? */
static bool is_named(const char *name, const char *prefix, const char *word)
{
    size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) == 0 && name[n] == '.')
        name += n + 1;
    return strcmp(name, word) == 0;
}

static bool show_stage(struct gm_buf *out, const char *name)
{
    const struct gm_stage *stage = find_stage(name);
    char full[96];
    if (!stage)
        return false;
    snprintf(full, sizeof full, "%s.%s", stage->family, stage->name);
    one(out, full, stage->summary, stage->opts);
    columns(out, "Reads the columns", stage->in);
    columns(out, "Adds the columns", stage->out);
    return true;
}

static bool show_other(struct gm_buf *out, const char *name)
{
    for (size_t i = 0; gm_listers[i]; i++) {
        if (is_named(name, "source", gm_listers[i]->name)) {
            one(out, gm_listers[i]->name, gm_listers[i]->summary, gm_listers[i]->opts);
            return true;
        }
    }
    for (size_t i = 0; gm_sinks[i]; i++) {
        if (is_named(name, "sink", gm_sinks[i]->name)) {
            one(out, gm_sinks[i]->name, gm_sinks[i]->summary, gm_sinks[i]->opts);
            return true;
        }
    }
    if (strcmp(name, "fetch") == 0)
        one(out, "fetch", "how sources are read", gm_fetch.opts);
    else if (strcmp(name, "unpack") == 0)
        one(out, "unpack", gm_unpack.summary, gm_unpack.opts);
    else
        return false;
    return true;
}

static enum gm_status unknown(const char *name, struct gm_err *err)
{
    const char *names[160] = {"fetch", "unpack"};
    size_t n = 2;
    for (size_t i = 0; gm_listers[i] && n + 1 < GM_ARRAY_LEN(names); i++)
        names[n++] = gm_listers[i]->name;
    for (size_t i = 0; gm_stages[i] && n + 1 < GM_ARRAY_LEN(names); i++)
        names[n++] = gm_stages[i]->name;
    for (size_t i = 0; gm_sinks[i] && n + 1 < GM_ARRAY_LEN(names); i++)
        names[n++] = gm_sinks[i]->name;
    const char *nearest = gm_word_nearest(names, name);
    if (nearest)
        return gm_err_set(err, GM_USAGE, "there is no stage \"%s\"; did you mean \"%s\"?", name,
                          nearest);
    return gm_err_set(err, GM_USAGE, "there is no stage \"%s\"", name);
}

static void json_pair(struct gm_buf *out, const char *key, const char *text)
{
    gm_json_key(out, key);
    if (text)
        gm_json_string(out, text, strlen(text));
    else
        gm_buf_text(out, "null");
}

static void json_entry(struct gm_buf *out, const char *section, const char *summary)
{
    char type[256];
    gm_buf_char(out, '{');
    json_pair(out, "name", section);
    json_pair(out, "summary", summary);
    gm_json_key(out, "options");
    gm_buf_char(out, '[');
    for (const struct gm_opt *opt = gm_section_opts(section); opt && opt->name; opt++) {
        if (out->data[out->n_bytes - 1] != '[')
            gm_buf_char(out, ',');
        gm_buf_char(out, '{');
        json_pair(out, "name", opt->name);
        json_pair(out, "type", gm_opt_type_text(opt, type, sizeof type));
        json_pair(out, "default", opt->default_text);
        json_pair(out, "unit", opt->unit);
        json_pair(out, "help", opt->help);
        gm_buf_char(out, '}');
    }
    gm_buf_text(out, "]}\n");
}

/* One line of JSON for each. */
static void list_json(struct gm_buf *out)
{
    char name[96];
    json_entry(out, "fetch", "how sources are read");
    json_entry(out, "unpack", gm_unpack.summary);
    for (size_t i = 0; gm_listers[i]; i++) {
        snprintf(name, sizeof name, "source.%s", gm_listers[i]->name);
        json_entry(out, name, gm_listers[i]->summary);
    }
    for (size_t i = 0; gm_stages[i]; i++) {
        snprintf(name, sizeof name, "%s.%s", gm_stages[i]->family, gm_stages[i]->name);
        json_entry(out, name, gm_stages[i]->summary);
    }
    for (size_t i = 0; gm_sinks[i]; i++) {
        snprintf(name, sizeof name, "sink.%s", gm_sinks[i]->name);
        json_entry(out, name, gm_sinks[i]->summary);
    }
}

static enum gm_status run(struct gm_cli *cli, const void *opts, struct gm_err *err)
{
    (void)opts;
    if (cli->common.json && cli->n_arguments == 0)
        list_json(&cli->out);
    else if (cli->n_arguments == 0)
        list_all(&cli->out);
    else if (!show_stage(&cli->out, cli->arguments[0]) && !show_other(&cli->out, cli->arguments[0]))
        return unknown(cli->arguments[0], err);
    return GM_OK;
}

const struct gm_command gm_cmd_stages = {
    .name = "stages",
    .arguments = "[NAME]",
    .summary = "list sources, stages and sinks, or show one with its options",
    .max_arguments = 1,
    .opts = table,
    .run = run,
};
