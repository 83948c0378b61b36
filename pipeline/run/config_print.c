/* A tree as YAML: block style, quotes only where the text could be read as something else. */
#include "run/config.h"

#include <string.h>

#define INDENT 2

/* Letters, digits and what file names are made of, and nothing that YAML gives a meaning. */
static bool is_plain(const char *text, size_t n_bytes)
{
    if (n_bytes == 0 || text[0] == '-' || text[0] == '.')
        return false;
    for (size_t i = 0; i < n_bytes; i++) {
        bool word = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
                    (text[i] >= '0' && text[i] <= '9');
        if (!word && !strchr("_-./", text[i]))
            return false;
    }
    return true;
}

static void print_scalar(struct gm_buf *text, const char *value, size_t n_bytes)
{
    if (is_plain(value, n_bytes))
        gm_buf_append(text, value, n_bytes);
    else
        gm_json_string(text, value, n_bytes);
}

static void print_children(struct gm_buf *text, const struct gm_node *node, unsigned depth);

/* What stands behind "key:" or "-": on the same line if it is short, else below. */
static void print_value(struct gm_buf *text, const struct gm_node *node, unsigned depth)
{
    if (node->kind != GM_NODE_SCALAR && node->first) {
        gm_buf_char(text, '\n');
        gm_buf_printf(text, "%*s", (int)((depth + 1) * INDENT), "");
        print_children(text, node, depth + 1);
        return;
    }
    if (node->kind == GM_NODE_SCALAR && !node->is_empty) {
        gm_buf_char(text, ' ');
        print_scalar(text, node->value, node->value_bytes);
    } else if (node->kind != GM_NODE_SCALAR) {
        gm_buf_text(text, node->kind == GM_NODE_LIST ? " []" : " {}");
    }
    gm_buf_char(text, '\n');
}

/* The place of the first child is already there: "- " is as wide as one level. */
static void print_children(struct gm_buf *text, const struct gm_node *node, unsigned depth)
{
    /* The parser allows no deeper tree than this, settings add little. */
    GM_ASSERT(depth < 2 * GM_CONFIG_MAX_DEPTH);
    for (const struct gm_node *child = node->first; child; child = child->next) {
        if (child != node->first)
            gm_buf_printf(text, "%*s", (int)(depth * INDENT), "");
        if (node->kind == GM_NODE_MAPPING) {
            print_scalar(text, child->key, strlen(child->key));
            gm_buf_char(text, ':');
            print_value(text, child, depth);
        } else if (child->kind == GM_NODE_MAPPING && child->first) {
            gm_buf_text(text, "- ");
            print_children(text, child, depth + 1);
        } else {
            gm_buf_char(text, '-');
            print_value(text, child, depth);
        }
    }
}

void gm_config_print(const struct gm_node *root, struct gm_buf *text)
{
    if (root->first)
        print_children(text, root, 0);
    else
        gm_buf_text(text, "{}\n");
}
