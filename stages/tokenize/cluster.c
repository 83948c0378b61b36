/* Grapheme clusters, one at a time, from the left. */
#include "tokenize/cluster.h"

#include "tokenize/character.h"
#include <stdbool.h>

/* What the rules ask about the cluster so far. */
struct cluster {
    enum gm_cluster_class last;
    bool odd_regional;  /* it ends with an odd number of regional indicators */
    bool is_emoji;      /* pictograph, extends */
    bool emoji_joiner;  /* pictograph, extends, joiner */
    bool has_consonant; /* consonant, then extends and linkers */
    bool has_linker;    /* with at least one linker */
};

static enum gm_cluster_class class_of(uint32_t code_point)
{
    if (code_point == GM_NO_CHARACTER)
        return GM_CLUSTER_OTHER;
    return (enum gm_cluster_class)
        gm_cluster_classes[(uint32_t)gm_cluster_blocks[code_point >> 7] << 7 | (code_point & 127)];
}

static bool is_extend(enum gm_cluster_class class)
{
    return class == GM_CLUSTER_EXTEND || class == GM_CLUSTER_LINKER ||
           class == GM_CLUSTER_CONJUNCT_EXTEND;
}

static bool is_control(enum gm_cluster_class class)
{
    return class >= GM_CLUSTER_CR && class <= GM_CLUSTER_CONTROL;
}

static bool joins_hangul(enum gm_cluster_class left, enum gm_cluster_class right)
{
    switch (left) {
    case GM_CLUSTER_L:
        return right == GM_CLUSTER_L || right == GM_CLUSTER_V || right == GM_CLUSTER_LV ||
               right == GM_CLUSTER_LVT;
    case GM_CLUSTER_LV:
    case GM_CLUSTER_V:
        return right == GM_CLUSTER_V || right == GM_CLUSTER_T;
    case GM_CLUSTER_LVT:
    case GM_CLUSTER_T:
        return right == GM_CLUSTER_T;
    default:
        return false;
    }
}

/* GB3 to GB13 */
static bool joins(const struct cluster *cluster, enum gm_cluster_class class)
{
    if (is_control(cluster->last) || is_control(class))
        return cluster->last == GM_CLUSTER_CR && class == GM_CLUSTER_LF;
    if (is_extend(class) || class == GM_CLUSTER_ZWJ || class == GM_CLUSTER_SPACING ||
        cluster->last == GM_CLUSTER_PREPEND)
        return true;
    if (class == GM_CLUSTER_CONSONANT)
        return cluster->has_linker;
    if (class == GM_CLUSTER_PICTOGRAPH)
        return cluster->emoji_joiner;
    if (class == GM_CLUSTER_REGIONAL)
        return cluster->odd_regional;
    return joins_hangul(cluster->last, class);
}

static void add(struct cluster *cluster, enum gm_cluster_class class)
{
    bool conjunct = class == GM_CLUSTER_CONJUNCT_EXTEND || class == GM_CLUSTER_ZWJ ||
                    class == GM_CLUSTER_LINKER;
    cluster->emoji_joiner = cluster->is_emoji && class == GM_CLUSTER_ZWJ;
    cluster->is_emoji = class == GM_CLUSTER_PICTOGRAPH || (cluster->is_emoji && is_extend(class));
    cluster->has_linker =
        cluster->has_consonant && conjunct && (cluster->has_linker || class == GM_CLUSTER_LINKER);
    cluster->has_consonant = class == GM_CLUSTER_CONSONANT || (cluster->has_consonant && conjunct);
    cluster->odd_regional = class == GM_CLUSTER_REGIONAL && !cluster->odd_regional;
    cluster->last = class;
}

size_t gm_cluster_end(const uint8_t *text, size_t n_bytes, size_t at)
{
    struct cluster cluster = {0};
    size_t length;
    add(&cluster, class_of(gm_character_at(text + at, n_bytes - at, &length)));
    for (at += length; at < n_bytes; at += length) {
        enum gm_cluster_class class = class_of(gm_character_at(text + at, n_bytes - at, &length));
        if (!joins(&cluster, class))
            break;
        add(&cluster, class);
    }
    return at;
}
