/* Large pages for memory that is about to be filled: a table of megabytes is then a few pages to
 * the kernel and to the TLB. A hint, without effect on what has been touched before. */
#ifndef GM_BASE_HUGE_PAGES_H
#define GM_BASE_HUGE_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define GM_HUGE_PAGE_BYTES ((size_t)2 << 20)

static inline void gm_huge_pages(void *data, size_t n_bytes)
{
    size_t skipped = -(uintptr_t)data % GM_HUGE_PAGE_BYTES;
    if (n_bytes >= skipped + GM_HUGE_PAGE_BYTES)
        madvise((uint8_t *)data + skipped, (n_bytes - skipped) & ~(GM_HUGE_PAGE_BYTES - 1),
                MADV_HUGEPAGE);
}

#endif
