/* The parser of the command line. It knows three kinds of tables: the common options, the
 * command's own, and sections of a job, whose options are kept as settings ("fetch.rate=5/s") and
 * judged by the planner, like --set. */
#include "cli/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64

const char *gm_args_name(const char *name, char *text)
{
    snprintf(text, NAME_BYTES, "%s", name);
    for (char *at = text; *at; at++)
        if (*at == '_')
            *at = '-';
    return text;
}

static const struct gm_short common_shorts[] = {
    {'h', "help"}, {'V', "version"}, {'q', "quiet"}, {'v', "verbose"}, {'\0', NULL}};

/* An option that was found: where it is from decides what happens with its value. */
struct found {
    const struct gm_opt *opt;
    void *values;        /* NULL: a section's */
    const char *section; /* of a job */
};

struct parser {
    struct gm_cli *cli;
    void *opts;
    int argc, at;
    char **argv;
    struct gm_err *err;
};

static bool find_option(const struct parser *parser, const char *name, struct found *found)
{
    const struct gm_command *command = parser->cli->command;
    const struct {
        const struct gm_opt *table;
        void *values;
    } tables[] = {
        {command->opts, parser->opts},
        {gm_common_opts, &parser->cli->common},
        {command->sections ? gm_common_job_opts : NULL, &parser->cli->common},
    };
    for (size_t i = 0; i < GM_ARRAY_LEN(tables); i++) {
        const struct gm_opt *opt = tables[i].table ? gm_opt_find(tables[i].table, name) : NULL;
        if (opt) {
            *found = (struct found){opt, tables[i].values, NULL};
            return true;
        }
    }
    for (size_t i = 0; command->sections && command->sections[i]; i++) {
        const struct gm_opt *table = gm_section_opts(command->sections[i]);
        const struct gm_opt *opt = table ? gm_opt_find(table, name) : NULL;
        if (opt) {
            *found = (struct found){opt, NULL, command->sections[i]};
            return true;
        }
    }
    return false;
}

static size_t add_names(const char **names, size_t n, size_t capacity, const struct gm_opt *table)
{
    for (; table && table->name && n + 1 < capacity; table++)
        names[n++] = table->name;
    names[n] = NULL;
    return n;
}

static enum gm_status unknown_option(struct parser *parser, const char *given, const char *name)
{
    const struct gm_command *command = parser->cli->command;
    const char *names[256] = {NULL};
    size_t n = add_names(names, 0, GM_ARRAY_LEN(names), command->opts);
    n = add_names(names, n, GM_ARRAY_LEN(names), gm_common_opts);
    if (command->sections)
        n = add_names(names, n, GM_ARRAY_LEN(names), gm_common_job_opts);
    for (size_t i = 0; command->sections && command->sections[i]; i++)
        n = add_names(names, n, GM_ARRAY_LEN(names), gm_section_opts(command->sections[i]));
    const char *nearest = gm_word_nearest(names, name);
    char text[NAME_BYTES];
    if (nearest)
        return gm_err_set(parser->err, GM_USAGE, "unknown option %s; did you mean --%s?", given,
                          gm_args_name(nearest, text));
    return gm_err_set(parser->err, GM_USAGE,
                      "unknown option %s; \"gristmill help %s\" lists the options", given,
                      command->name);
}

static enum gm_status add_setting(struct gm_cli *cli, char *text, struct gm_err *err)
{
    char **items = reallocarray(cli->settings.items, cli->settings.n_items + 1, sizeof *items);
    if (items)
        cli->settings.items = items;
    if (!items || !text) {
        free(text);
        return gm_err_set(err, GM_NOMEM, "out of memory");
    }
    items[cli->settings.n_items++] = text;
    return GM_OK;
}

/* "fetch" "connections" "8" -> fetch.connections=8 */
static enum gm_status set_section(struct parser *parser, const struct found *found,
                                  const char *value)
{
    char *text = NULL;
    const char *dot = *found->section ? "." : "";
    if (asprintf(&text, "%s%s%s=%s", found->section, dot, found->opt->name, value) < 0)
        text = NULL;
    return add_setting(parser->cli, text, parser->err);
}

static enum gm_status set_value(struct parser *parser, const struct found *found, const char *value)
{
    char name[NAME_BYTES];
    if (!found->values)
        return set_section(parser, found, value);
    if (strcmp(found->opt->name, "set") == 0)
        return add_setting(parser->cli, strdup(value), parser->err);
    enum gm_status status =
        gm_opt_apply(found->opt, found->values, value, strlen(value), parser->err);
    if (status == GM_CONFIG) { /* the text starts with the table's name of the option */
        char text[GM_ERR_TEXT_BYTES];
        const char *colon = strchr(parser->err->text, ':');
        snprintf(text, sizeof text, "%s", colon ? colon : "");
        status =
            gm_err_set(parser->err, GM_USAGE, "--%s%s", gm_args_name(found->opt->name, name), text);
    }
    return status;
}

/* The value of an option: behind '=', true for a flag, or the next argument. */
static enum gm_status take_value(struct parser *parser, const struct found *found,
                                 const char *attached, const char *given)
{
    if (attached)
        return set_value(parser, found, attached);
    if (found->opt->type == GM_OPT_BOOL)
        return set_value(parser, found, "true");
    if (parser->at >= parser->argc) {
        char type[256];
        return gm_err_set(parser->err, GM_USAGE, "%s needs a value: %s", given,
                          gm_opt_type_text(found->opt, type, sizeof type));
    }
    return set_value(parser, found, parser->argv[parser->at++]);
}

static enum gm_status parse_long(struct parser *parser, const char *given)
{
    char name[NAME_BYTES], shown[NAME_BYTES + 2];
    struct found found;
    const char *equals = strchr(given, '=');
    size_t n = equals ? (size_t)(equals - given) - 2 : strlen(given) - 2;
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), given + 2);
    snprintf(shown, sizeof shown, "--%s", name);
    for (char *at = name; *at; at++)
        if (*at == '-')
            *at = '_';
    if (n >= sizeof name || !find_option(parser, name, &found))
        return unknown_option(parser, shown, name);
    return take_value(parser, &found, equals ? equals + 1 : NULL, shown);
}

static const char *name_of_letter(const struct gm_short *shorts, char letter)
{
    for (; shorts && shorts->name; shorts++)
        if (shorts->letter == letter)
            return shorts->name;
    return NULL;
}

static enum gm_status parse_short(struct parser *parser, const char *given)
{
    struct found found;
    const char shown[] = {'-', given[1], '\0'};
    const char *name = name_of_letter(parser->cli->command->shorts, given[1]);
    if (!name)
        name = name_of_letter(common_shorts, given[1]);
    if (!name || !find_option(parser, name, &found))
        return gm_err_set(parser->err, GM_USAGE,
                          "unknown option %s; \"gristmill help %s\" lists the options", shown,
                          parser->cli->command->name);
    if (found.opt->type != GM_OPT_BOOL)
        return take_value(parser, &found, given[2] ? given + 2 : NULL, shown);
    enum gm_status status = set_value(parser, &found, "true");
    if (status != GM_OK || given[2] == '\0')
        return status;
    char rest[NAME_BYTES]; /* -qv */
    snprintf(rest, sizeof rest, "-%s", given + 2);
    return parse_short(parser, rest);
}

static enum gm_status check_count(const struct gm_cli *cli, struct gm_err *err)
{
    const struct gm_command *command = cli->command;
    if (cli->common.help || cli->common.version)
        return GM_OK;
    if (cli->n_arguments < command->min_arguments)
        return gm_err_set(err, GM_USAGE, "expected %s", command->arguments);
    if (cli->n_arguments > command->max_arguments)
        return gm_err_set(err, GM_USAGE, "\"%s\" is too much: expected %s",
                          cli->arguments[command->max_arguments],
                          *command->arguments ? command->arguments : "no arguments");
    return GM_OK;
}

enum gm_status gm_args_parse(struct gm_cli *cli, void *opts, int argc, char **argv,
                             struct gm_err *err)
{
    struct parser parser = {cli, opts, argc, 0, argv, err};
    enum gm_status status = GM_OK;
    bool only_arguments = false;
    gm_opts_init(gm_common_opts, &cli->common, sizeof cli->common);
    for (const struct gm_opt *opt = gm_common_job_opts; opt->name; opt++)
        if (opt->default_text)
            gm_opt_apply(opt, &cli->common, opt->default_text, strlen(opt->default_text), NULL);
    gm_opts_init(cli->command->opts, opts, cli->command->opts_bytes);
    cli->arguments = argv;
    while (parser.at < argc && status == GM_OK) {
        char *given = argv[parser.at++];
        if (only_arguments || given[0] != '-' || given[1] == '\0')
            argv[cli->n_arguments++] = given;
        else if (strcmp(given, "--") == 0)
            only_arguments = true;
        else if (given[1] == '-')
            status = parse_long(&parser, given);
        else
            status = parse_short(&parser, given);
    }
    return status == GM_OK ? check_count(cli, err) : status;
}

void gm_args_free(struct gm_cli *cli, void *opts)
{
    gm_opts_free(gm_common_opts, &cli->common);
    gm_opts_free(gm_common_job_opts, &cli->common);
    gm_opts_free(cli->command->opts, opts);
    for (size_t i = 0; i < cli->settings.n_items; i++)
        free(cli->settings.items[i]);
    free(cli->settings.items);
    cli->settings = (struct gm_opt_list){NULL, 0};
}
