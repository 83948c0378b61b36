/* Parsing keeps only the rules that apply to us: those of groups that name gristmill, else those of
 * "*". Both sets are gathered in one pass and one is thrown away at the end. Rules are kept as one
 * packed text, because a host has few and they are looked at one after the other.
 *
 * Percent-encoding is not normalised: a rule matches a URL that is written the same way. */
#include "fetch/robots.h"

#include "base/buf.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RULES_MAX_BYTES (64u * 1024u)

/* One rule in the packed text: 'A' or 'D', pattern, NUL. */
struct gm_robots {
    size_t n_bytes;
    char rules[];
};

enum agents { AGENT_OTHER = 0, AGENT_ANY = 1, AGENT_US = 2 };

struct parser {
    struct gm_buf any, us;
    unsigned agents; /* enum agents of the current group, added up */
    bool in_rules;   /* a rule came since the last user-agent line */
    bool named;      /* a group names us */
};

struct span {
    const char *text;
    size_t n_bytes;
};

static struct span trim(struct span s)
{
    while (s.n_bytes && (s.text[0] == ' ' || s.text[0] == '\t'))
        s.text++, s.n_bytes--;
    while (s.n_bytes && strchr(" \t\r\n", s.text[s.n_bytes - 1]))
        s.n_bytes--;
    return s;
}

static bool is(struct span s, const char *word)
{
    return s.n_bytes == strlen(word) && strncasecmp(s.text, word, s.n_bytes) == 0;
}

static void add_rule(struct parser *parser, char kind, struct span pattern)
{
    if (pattern.n_bytes == 0 || memchr(pattern.text, '\0', pattern.n_bytes))
        return; /* an empty rule says nothing */
    struct gm_buf *bufs[] = {parser->agents & AGENT_ANY ? &parser->any : NULL,
                             parser->agents & AGENT_US ? &parser->us : NULL};
    for (size_t i = 0; i < 2; i++) {
        if (!bufs[i] || bufs[i]->n_bytes + pattern.n_bytes + 2 > RULES_MAX_BYTES)
            continue;
        gm_buf_char(bufs[i], kind);
        gm_buf_append(bufs[i], pattern.text, pattern.n_bytes);
        gm_buf_char(bufs[i], '\0');
    }
}

static void add_agent(struct parser *parser, struct span value)
{
    if (parser->in_rules)
        parser->agents = AGENT_OTHER; /* a new group begins */
    parser->in_rules = false;
    size_t word = 0; /* "gristmill/1.0" means gristmill */
    while (word < value.n_bytes && !strchr("/ \t", value.text[word]))
        word++;
    if (is((struct span){value.text, word}, "gristmill")) {
        parser->agents |= AGENT_US;
        parser->named = true;
    } else if (is(value, "*")) {
        parser->agents |= AGENT_ANY;
    }
}

static void parse_line(struct parser *parser, struct span line)
{
    const char *hash = memchr(line.text, '#', line.n_bytes);
    if (hash)
        line.n_bytes = (size_t)(hash - line.text);
    const char *colon = memchr(line.text, ':', line.n_bytes);
    if (!colon)
        return;
    size_t key_bytes = (size_t)(colon - line.text);
    struct span key = trim((struct span){line.text, key_bytes});
    struct span value = trim((struct span){colon + 1, line.n_bytes - key_bytes - 1});
    if (is(key, "user-agent")) {
        add_agent(parser, value);
    } else if (is(key, "allow") || is(key, "disallow")) {
        parser->in_rules = true;
        add_rule(parser, is(key, "allow") ? 'A' : 'D', value);
    }
}

static struct gm_robots *pack(const struct gm_buf *rules)
{
    struct gm_robots *robots = NULL;
    if (rules->n_bytes && !rules->failed)
        robots = malloc(sizeof *robots + rules->n_bytes);
    if (robots) {
        robots->n_bytes = rules->n_bytes;
        memcpy(robots->rules, rules->data, rules->n_bytes);
    }
    return robots;
}

struct gm_robots *gm_robots_parse(const uint8_t *text, size_t n_bytes)
{
    struct parser parser = {GM_BUF_INIT, GM_BUF_INIT, AGENT_OTHER, false, false};
    struct span rest = {(const char *)text, n_bytes};
    if (rest.n_bytes > GM_ROBOTS_MAX_BYTES)
        rest.n_bytes = GM_ROBOTS_MAX_BYTES;
    if (rest.n_bytes >= 3 && memcmp(rest.text, "\xef\xbb\xbf", 3) == 0)
        rest.text += 3, rest.n_bytes -= 3;
    while (rest.n_bytes) {
        size_t end = 0;
        while (end < rest.n_bytes && rest.text[end] != '\n' && rest.text[end] != '\r')
            end++;
        parse_line(&parser, (struct span){rest.text, end});
        end += end < rest.n_bytes;
        rest.text += end, rest.n_bytes -= end;
    }
    struct gm_robots *robots = pack(parser.named ? &parser.us : &parser.any);
    gm_buf_free(&parser.any);
    gm_buf_free(&parser.us);
    return robots;
}

struct gm_robots *gm_robots_forbid_all(void)
{
    static const char text[] = "User-agent: *\nDisallow: /\n";
    return gm_robots_parse((const uint8_t *)text, sizeof text - 1);
}

void gm_robots_free(struct gm_robots *robots)
{
    free(robots);
}

/* Greedy wildcard match in linear space; on a mismatch the last '*' swallows one byte more. */
static bool matches(const char *pattern, const char *path, size_t n_bytes)
{
    const char *star = NULL;
    size_t i = 0, star_i = 0;
    for (;;) {
        if (*pattern == '\0' || (pattern[0] == '$' && pattern[1] == '\0' && i == n_bytes))
            return true; /* a rule is a prefix */
        if (*pattern == '*') {
            star = ++pattern;
            star_i = i;
        } else if (i < n_bytes && *pattern == path[i]) {
            pattern++, i++;
        } else if (star && star_i < n_bytes) {
            pattern = star;
            i = ++star_i;
        } else {
            return false;
        }
    }
}

bool gm_robots_allows(const struct gm_robots *robots, const char *path, size_t n_bytes)
{
    if (!robots || (n_bytes == 11 && memcmp(path, "/robots.txt", 11) == 0))
        return true;
    if (n_bytes == 0) {
        path = "/";
        n_bytes = 1;
    }
    size_t best = 0;
    bool allowed = true;
    for (const char *rule = robots->rules; rule < robots->rules + robots->n_bytes;) {
        size_t length = strlen(rule + 1);
        bool allow = rule[0] == 'A';
        if ((length > best || (length == best && allow)) && matches(rule + 1, path, n_bytes)) {
            best = length;
            allowed = allow;
        }
        rule += length + 2;
    }
    return allowed;
}
