#define _GNU_SOURCE
#include "cbench.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

// The program's own definitions of the allocating functions come before the C library's for every caller in the
// process, the Swift runtime's included. They count and hand on to glibc's; free needs no counterpart.

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_uint_fast64_t all_threads;
static _Thread_local uint64_t this_thread;

static inline void count(void) {
    atomic_fetch_add_explicit(&all_threads, 1, memory_order_relaxed);
    this_thread++;
}

uint64_t cbench_allocations(void) { return atomic_load_explicit(&all_threads, memory_order_relaxed); }

uint64_t cbench_thread_allocations(void) { return this_thread; }

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t amount, size_t size) {
    count();
    return __libc_calloc(amount, size);
}

void *realloc(void *block, size_t size) {
    count();
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    // As POSIX asks: a power of two that is a multiple of a pointer's size.
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
    count();
    void *made = __libc_memalign(alignment, size);
    if (made == NULL) return ENOMEM;
    *block = made;
    return 0;
}
