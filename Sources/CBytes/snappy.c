#include "cbytes.h"
#include <string.h>

// Snappy's elements (format_description.txt of google/snappy): literals, and copies of 1 to 64 bytes from up to 65,535
// bytes before.

enum { SLOT_BITS = 10, MATCH_MIN = 8, DISTANCE_MAX = 65535, OVERRUN = 64 };

static inline uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

static inline uint8_t *put_literal(uint8_t *o, const uint8_t *s, size_t n) {
    if (n == 0) return o;
    size_t last = n - 1;
    if (last < 60) {
        *o++ = (uint8_t)(last << 2);
    } else {
        int bytes = last < 1u << 8 ? 1 : last < 1u << 16 ? 2 : last < 1u << 24 ? 3 : 4;
        *o++ = (uint8_t)((59 + bytes) << 2);
        for (int i = 0; i < bytes; i++) *o++ = (uint8_t)(last >> (8 * i));
    }
    // Most are short: a copy of a fixed size past the end costs no call and no branch on the length.
    if (n <= 32) memcpy(o, s, 32);
    else memcpy(o, s, n);
    return o + n;
}

static inline uint8_t *put_copy(uint8_t *o, size_t distance, size_t n) {
    for (;;) {
        size_t some = n < 64 ? n : 64;
        *o++ = (uint8_t)((some - 1) << 2 | 2);
        *o++ = (uint8_t)distance;
        *o++ = (uint8_t)(distance >> 8);
        if (some == n) return o;
        n -= some;
    }
}

static inline const uint8_t *next_quote(const uint8_t *p, const uint8_t *end) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"');
    for (; p < end; p += 16) {
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), quote));
        if (mask) return p + __builtin_ctz(mask);
    }
    return end;
#else
    while (p < end && *p != '"') p++;
    return p;
#endif
}

// Where the bytes stop being those that stand `distance` before, past the end at times.
static inline const uint8_t *match_end(const uint8_t *p, size_t distance, const uint8_t *end) {
#if defined(__SSE2__)
    for (; p < end; p += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)p), there = _mm_loadu_si128((const __m128i *)(p - distance));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(here, there));
        if (mask != 0xffff) return p + __builtin_ctz(~mask);
    }
#else
    while (p < end && *p == *(p - distance)) p++;
#endif
    return p;
}

size_t cbytes_snappy_json(const uint8_t *in, size_t n, uint8_t *out) {
    // Where a quote with the same bytes behind it stood last. A place that is not filled points to the beginning, where
    // the comparison decides.
    uint32_t slots[1 << SLOT_BITS];
    memset(slots, 0, sizeof slots);
    const uint8_t *p = in, *literal = in, *end = in + n;
    uint8_t *o = out;
    for (;;) {
        p = next_quote(p, end);
        if ((size_t)(end - p) < MATCH_MIN || p >= end) break;
        uint64_t word = word_at(p);
        uint32_t *slot = slots + ((word * 0x9e3779b97f4a7c15u) >> (64 - SLOT_BITS));
        size_t distance = (size_t)(p - in) - *slot;
        *slot = (uint32_t)(p - in);
        if (distance - 1 >= DISTANCE_MAX || word_at(p - distance) != word) {
            p++;
            continue;
        }
        const uint8_t *q = match_end(p + MATCH_MIN, distance, end);
        if (q > end) q = end;
        o = put_literal(o, literal, (size_t)(p - literal));
        o = put_copy(o, distance, (size_t)(q - p));
        p = literal = q;
    }
    return (size_t)(put_literal(o, literal, (size_t)(end - literal)) - out);
}
