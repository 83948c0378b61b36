/* Paths are compared as texts only below a root, where they are names that were read from folders;
 * whether a root lies above the run folder is told by device and inode, whatever it is called. */
#include "run/own.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool note_folder(struct gm_own *own, const char *path, size_t below)
{
    struct stat info;
    if (own->n_folders == GM_OWN_MAX_DEPTH || stat(path, &info) != 0)
        return false;
    own->folders[own->n_folders].device = info.st_dev;
    own->folders[own->n_folders].inode = info.st_ino;
    own->folders[own->n_folders++].below = (uint32_t)below;
    return true;
}

void gm_own_init(struct gm_own *own, const char *run_folder)
{
    *own = (struct gm_own){0};
    char *resolved = realpath(run_folder, NULL);
    size_t n = resolved ? strlen(resolved) : 0;
    if (n > 1 && n + 2 <= sizeof own->path) {
        memcpy(own->path, resolved, n + 1);
        bool good = note_folder(own, own->path, n + 1);
        for (size_t end = n; good && end > 0;) { /* each folder above */
            while (own->path[end - 1] != '/')
                end--;
            char kept = own->path[end]; /* behind the '/', which only the root keeps */
            own->path[end] = '\0';
            good = note_folder(own, own->path, end);
            own->path[end] = kept;
            end--;
        }
        own->path[n] = '/';
        own->path[n + 1] = '\0';
        if (!good)
            own->n_folders = 0;
    }
    free(resolved);
}

/* The path from a root to the run folder. */
static const char *rest_below(const struct gm_own *own, const char *root)
{
    struct stat info;
    if (stat(*root ? root : ".", &info) != 0)
        return NULL;
    for (unsigned i = 0; i < own->n_folders; i++)
        if (own->folders[i].device == info.st_dev && own->folders[i].inode == info.st_ino)
            return own->path + own->folders[i].below;
    return NULL;
}

bool gm_own_holds(struct gm_own *own, const char *path, const char *name)
{
    size_t n_path = strlen(path), n_name = name ? strlen(name) : 0;
    if (own->n_folders == 0 || !name || n_name > n_path || n_path - n_name >= sizeof own->root)
        return false;
    size_t n_root = n_path - n_name;
    if (!own->is_asked || strncmp(own->root, path, n_root) != 0 || own->root[n_root] != '\0') {
        memcpy(own->root, path, n_root);
        own->root[n_root] = '\0';
        own->rest = rest_below(own, own->root);
        own->is_asked = true;
    }
    return own->rest && *own->rest && strncmp(name, own->rest, strlen(own->rest)) == 0;
}
