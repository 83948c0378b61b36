/* The tree of a job: nodes and texts live in one list of chunks and go away together. */
#include "run/config.h"

#include <stdlib.h>
#include <string.h>

struct chunk {
    struct chunk *next;
    _Alignas(16) char data[];
};

struct gm_config {
    struct chunk *chunks;
    uint32_t n_origins;
};

struct gm_config *gm_config_new(void)
{
    return calloc(1, sizeof(struct gm_config));
}

void gm_config_free(struct gm_config *config)
{
    if (!config)
        return;
    while (config->chunks) {
        struct chunk *chunk = config->chunks;
        config->chunks = chunk->next;
        free(chunk);
    }
    free(config);
}

/* Zeroed memory that lives as long as the config. */
static void *allocate(struct gm_config *config, size_t n_bytes)
{
    struct chunk *chunk = calloc(1, sizeof *chunk + n_bytes);
    if (!chunk)
        return NULL;
    chunk->next = config->chunks;
    config->chunks = chunk;
    return chunk->data;
}

char *gm_config_copy(struct gm_config *config, const char *text, size_t n_bytes)
{
    char *copy = allocate(config, n_bytes + 1);
    if (copy)
        memcpy(copy, text, n_bytes);
    return copy;
}

const struct gm_origin *gm_config_origin(struct gm_config *config, const char *name,
                                         const char *data, size_t n_bytes)
{
    struct gm_origin *origin = allocate(config, sizeof *origin);
    if (!origin)
        return NULL;
    origin->name = gm_config_copy(config, name, strlen(name));
    origin->data = gm_config_copy(config, data, n_bytes);
    origin->n_bytes = n_bytes;
    origin->rank = config->n_origins++;
    return origin->name && origin->data ? origin : NULL;
}

struct gm_node *gm_config_node(struct gm_config *config, enum gm_node_kind kind, const char *key,
                               const char *value, const struct gm_place *place)
{
    struct gm_node *node = allocate(config, sizeof *node);
    if (!node)
        return NULL;
    node->kind = kind;
    node->place = node->key_place = *place;
    if (key && !(node->key = gm_config_copy(config, key, strlen(key))))
        return NULL;
    if (value) {
        node->value_bytes = strlen(value);
        node->value = gm_config_copy(config, value, node->value_bytes);
        if (!node->value)
            return NULL;
    }
    node->is_empty = kind == GM_NODE_SCALAR && !value;
    return node;
}

void gm_node_append(struct gm_node *parent, struct gm_node *child)
{
    gm_node_insert(parent, parent->last, child);
}

void gm_node_insert(struct gm_node *parent, struct gm_node *after, struct gm_node *child)
{
    child->next = after ? after->next : parent->first;
    if (after)
        after->next = child;
    else
        parent->first = child;
    if (!child->next)
        parent->last = child;
}

struct gm_node *gm_node_find(const struct gm_node *node, const char *key)
{
    if (!node || node->kind != GM_NODE_MAPPING)
        return NULL;
    for (struct gm_node *child = node->first; child; child = child->next)
        if (strcmp(child->key, key) == 0)
            return child;
    return NULL;
}

size_t gm_node_count(const struct gm_node *node)
{
    size_t n = 0;
    for (const struct gm_node *child = node->first; child; child = child->next)
        n++;
    return n;
}
