#ifndef CBENCH_H
#define CBENCH_H

// What the benchmarks need from C: Linux's epoll, two calls that Swift does not see, and a count of the program's heap
// allocations.

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/// Where `needle` first stands in `bytes`; NULL when it does not (memmem(3)).
const void *cbench_find(const void *bytes, size_t count, const void *needle, size_t needle_count);

/// 1 when files under `path` are kept in memory only, 0 when they are not, -1 with errno when it cannot be told.
int cbench_is_memory(const char *path);

/// Allocations of all threads so far: malloc, calloc, realloc and the aligned kinds, whoever calls them.
uint64_t cbench_allocations(void);

/// Allocations of the calling thread so far.
uint64_t cbench_thread_allocations(void);

#endif
