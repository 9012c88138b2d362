#pragma once
#include <stddef.h>
#include <stdint.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `n` bytes, continuing from `crc` (0 to begin).
/// Uses the processor's crc32 instruction where it has one, a table elsewhere.
uint32_t cbytes_crc32c(uint32_t crc, const void *bytes, size_t n);

/// CRC-32 (ISO 3309, as in gzip and Parquet's pages) of `n` bytes, continuing from `crc` (0 to begin).
/// Uses carry-less products where the processor has them, a table elsewhere.
uint32_t cbytes_crc32(uint32_t crc, const void *bytes, size_t n);

/// Compresses JSON into Snappy's elements (without the length that begins a Snappy block) and returns how many bytes
/// those are. Repetitions are only looked for where a quote stands, which is where those of JSON begin, so it costs a
/// third of a search at every byte. Copies reach no further back than `in`, so that the elements of several calls one
/// after another are one block. `in` must be followed by 64 readable bytes; `out` needs room for `n + n / 32 + 128`
/// bytes; `n` is less than 4 GiB.
size_t cbytes_snappy_json(const uint8_t *in, size_t n, uint8_t *out);

/// Distance from `p` to the first byte that ends a plain run inside a JSON string: a quote, a backslash or a
/// control byte below 0x20. The buffer must end in at least 16 zero bytes, which also bound the scan.
static inline __attribute__((always_inline)) intptr_t cbytes_scan_string(const uint8_t *p) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), control = _mm_set1_epi8(0x1f);
    const uint8_t *s = p;
    for (;;) {
        __m128i v = _mm_loadu_si128((const __m128i *)s);
        __m128i hit = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
            _mm_cmpeq_epi8(_mm_min_epu8(v, control), v));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask) return (s - p) + __builtin_ctz(mask);
        s += 16;
    }
#else
    const uint8_t *s = p;
    while (*s != '"' && *s != '\\' && *s >= 0x20) s++;
    return s - p;
#endif
}

/// Distance from `p` to the first byte that ends a plain ASCII run inside a JSON string: what ends
/// `cbytes_scan_string`, or a byte of 0x80 and above. The buffer must end in at least 32 zero bytes, which also bound
/// the scan. Takes 32 bytes at a time, so that strings shorter than that cost no branch that depends on their length.
static inline __attribute__((always_inline)) intptr_t cbytes_scan_ascii_string(const uint8_t *p) {
#if defined(__SSE2__)
    // As signed bytes, control bytes and those of 0x80 and above are the ones below a space.
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(' ');
    const uint8_t *s = p;
    for (;;) {
        __m128i v = _mm_loadu_si128((const __m128i *)s), w = _mm_loadu_si128((const __m128i *)(s + 16));
        __m128i first = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)), _mm_cmpgt_epi8(space, v));
        __m128i second = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(w, quote), _mm_cmpeq_epi8(w, backslash)), _mm_cmpgt_epi8(space, w));
        unsigned mask = (unsigned)_mm_movemask_epi8(first) | (unsigned)_mm_movemask_epi8(second) << 16;
        if (mask) return (s - p) + __builtin_ctz(mask);
        s += 32;
    }
#else
    const uint8_t *s = p;
    while (*s != '"' && *s != '\\' && *s >= 0x20 && *s < 0x80) s++;
    return s - p;
#endif
}

/// Like `cbytes_scan_ascii_string`, but stops at a space and an exclamation mark too: cheaper, for strings that seldom
/// have them.
static inline __attribute__((always_inline)) intptr_t cbytes_scan_word(const uint8_t *p) {
#if defined(__SSE2__)
    // Space, exclamation mark and quote are the three bytes above the control bytes.
    const __m128i backslash = _mm_set1_epi8('\\'), above = _mm_set1_epi8('"' + 1);
    const uint8_t *s = p;
    for (;;) {
        __m128i v = _mm_loadu_si128((const __m128i *)s);
        unsigned mask =
            (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, backslash), _mm_cmpgt_epi8(above, v)));
        if (mask) return (s - p) + __builtin_ctz(mask);
        s += 16;
    }
#else
    const uint8_t *s = p;
    while (*s != '\\' && *s > '"' && *s < 0x80) s++;
    return s - p;
#endif
}

/// Distance from `p` to the first quote in the 16 bytes there; 16 or more when there is none.
static inline __attribute__((always_inline)) intptr_t cbytes_near_quote(const uint8_t *p) {
#if defined(__SSE2__)
    __m128i v = _mm_loadu_si128((const __m128i *)p);
    return __builtin_ctz((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('"'))) | 1u << 16);
#else
    intptr_t i = 0;
    while (i < 16 && p[i] != '"') i++;
    return i;
#endif
}

/// Whether the 16 bytes at `p` are those at `token` wherever bit i of `mask` is set for byte i.
static inline __attribute__((always_inline)) int cbytes_is_token(const uint8_t *p, const void *token, uint32_t mask) {
#if defined(__SSE2__)
    __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), _mm_loadu_si128((const __m128i *)token));
    return (~(uint32_t)_mm_movemask_epi8(same) & mask) == 0;
#else
    for (int i = 0; i < 16; i++)
        if ((mask >> i & 1) && p[i] != ((const uint8_t *)token)[i]) return 0;
    return 1;
#endif
}

/// Non-zero when any of the `n` bytes has its top bit set (is not ASCII).
static inline int cbytes_has_non_ascii(const uint8_t *p, size_t n) {
#if defined(__SSE2__)
    __m128i any = _mm_setzero_si128();
    while (n >= 32) {
        any = _mm_or_si128(any, _mm_loadu_si128((const __m128i *)p));
        any = _mm_or_si128(any, _mm_loadu_si128((const __m128i *)(p + 16)));
        p += 32;
        n -= 32;
    }
    if (_mm_movemask_epi8(any)) return 1;
#endif
    uint64_t seen = 0;
    while (n >= 8) {
        uint64_t word;
        __builtin_memcpy(&word, p, 8);
        seen |= word;
        p += 8;
        n -= 8;
    }
    while (n--) seen |= *p++;
    return (seen & 0x8080808080808080ull) != 0;
}

/// Asks for the cache line at `p` ahead of a write to it.
static inline __attribute__((always_inline)) void cbytes_prefetch(const void *p) { __builtin_prefetch(p, 1, 3); }
