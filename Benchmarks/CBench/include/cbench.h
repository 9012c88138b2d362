#ifndef CBENCH_H
#define CBENCH_H

// What the benchmarks need from C: Linux's epoll, and a count of the program's heap allocations.

#include <stdint.h>
#include <sys/epoll.h>

/// Allocations of all threads so far: malloc, calloc, realloc and the aligned kinds, whoever calls them.
uint64_t cbench_allocations(void);

/// Allocations of the calling thread so far.
uint64_t cbench_thread_allocations(void);

#endif
