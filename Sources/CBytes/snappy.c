#include "cbytes.h"
#include <string.h>

// Snappy's elements (format_description.txt of google/snappy): literals, and copies of 1 to 64 bytes from up to 65,535
// bytes before.

enum { SLOT_BITS = 10, MATCH_MIN = 8, DISTANCE_MAX = 65535, WIDTH = 16 };

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

// Bit i: whether byte i of the 16 at `p` is that at `q`.
static inline unsigned same_bytes(const uint8_t *p, const uint8_t *q) {
#if defined(__SSE2__)
    __m128i here = _mm_loadu_si128((const __m128i *)p), there = _mm_loadu_si128((const __m128i *)q);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(here, there));
#else
    unsigned mask = 0;
    for (int i = 0; i < WIDTH; i++) mask |= (unsigned)(p[i] == q[i]) << i;
    return mask;
#endif
}

// Bit i: whether byte i of the 16 at `p` is a quote.
static inline unsigned quotes(const uint8_t *p) {
#if defined(__SSE2__)
    __m128i here = _mm_loadu_si128((const __m128i *)p);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(here, _mm_set1_epi8('"')));
#else
    unsigned mask = 0;
    for (int i = 0; i < WIDTH; i++) mask |= (unsigned)(p[i] == '"') << i;
    return mask;
#endif
}

static inline const uint8_t *next_quote(const uint8_t *p, const uint8_t *end) {
    for (; p < end; p += WIDTH) {
        unsigned mask = quotes(p);
        if (mask) return p + __builtin_ctz(mask);
    }
    return end;
}

size_t cbytes_snappy_json(const uint8_t *in, size_t n, uint8_t *out) {
    // Where a quote with the same bytes behind it stood last. A place that is not filled points to the beginning, where
    // the comparison decides.
    uint32_t slots[1 << SLOT_BITS];
    memset(slots, 0, sizeof slots);
    const uint8_t *literal = in, *end = in + n, *p = next_quote(in, end);
    uint8_t *o = out;
    size_t distance = 0;
    while (p < end && (size_t)(end - p) >= MATCH_MIN) {
        uint64_t word = word_at(p);
        uint32_t *slot = slots + ((word * 0x9e3779b97f4a7c15u) >> (64 - SLOT_BITS));
        size_t at = (size_t)(p - in), before = *slot;
        *slot = (uint32_t)at;
        // Events of one shape and with values of one length repeat from one distance. Trying the last one first costs no
        // wait for the slot.
        if (distance == 0 || word_at(p - distance) != word) {
            size_t other = at - before;
            if (other - 1 >= DISTANCE_MAX || word_at(p - other) != word) {
                p = next_quote(p + 1, end);
                continue;
            }
            distance = other;
        }
        const uint8_t *block = p;
        unsigned same = same_bytes(block, block - distance);
        while (same == 0xffff && block < end) {
            block += WIDTH;
            same = same_bytes(block, block - distance);
        }
        const uint8_t *q = block + __builtin_ctz(~same);
        if (q >= end) q = end;
        o = put_literal(o, literal, (size_t)(p - literal));
        o = put_copy(o, distance, (size_t)(q - p));
        literal = q;
        if (q == end) break;
        // The next quote is looked for in the bytes that are at hand, not in those from `q` on, which were to be loaded
        // when it is known.
        unsigned behind = q < block + WIDTH ? quotes(block) >> (q - block) : 0;
        p = behind ? q + __builtin_ctz(behind) : next_quote(block + WIDTH, end);
    }
    return (size_t)(put_literal(o, literal, (size_t)(end - literal)) - out);
}
