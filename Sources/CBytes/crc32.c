#include "cbytes.h"
#include <pthread.h>
#include <string.h>

// CRC-32 (ISO 3309, as in gzip), reflected: the polynomial without its highest term.
#define POLYNOMIAL 0xedb88320u

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void fill_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = (c & 1) ? (c >> 1) ^ POLYNOMIAL : c >> 1;
        table[i] = c;
    }
}

// The sum's register, which is the complement of the sum.
static uint32_t crc32_table(uint32_t c, const uint8_t *p, size_t n) {
    while (n--) c = table[(c ^ *p++) & 0xff] ^ (c >> 8);
    return c;
}

#if defined(__x86_64__)
#include <immintrin.h>

// Carry-less products fold the message onto itself: 16 bytes stand for the same remainder some blocks further on when
// their halves are multiplied by x^(distance ± 32) modulo the polynomial (Gopal and others, "Fast CRC Computation for
// Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009). What is left of it, 16 bytes, is summed by the table.
__attribute__((target("sse4.2,pclmul"))) static inline __m128i fold(__m128i x, __m128i by, __m128i next) {
    __m128i low = _mm_clmulepi64_si128(x, by, 0x00), high = _mm_clmulepi64_si128(x, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t crc32_hardware(uint32_t c, const uint8_t *p, size_t n) {
    if (n < 64) return crc32_table(c, p, n);
    const __m128i by_four = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by_one = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const __m128i *s = (const __m128i *)p;
    __m128i a = _mm_xor_si128(_mm_loadu_si128(s), _mm_cvtsi32_si128((int)c));
    __m128i b = _mm_loadu_si128(s + 1), d = _mm_loadu_si128(s + 2), e = _mm_loadu_si128(s + 3);
    s += 4;
    n -= 64;
    while (n >= 64) {
        a = fold(a, by_four, _mm_loadu_si128(s));
        b = fold(b, by_four, _mm_loadu_si128(s + 1));
        d = fold(d, by_four, _mm_loadu_si128(s + 2));
        e = fold(e, by_four, _mm_loadu_si128(s + 3));
        s += 4;
        n -= 64;
    }
    a = fold(fold(fold(a, by_one, b), by_one, d), by_one, e);
    while (n >= 16) {
        a = fold(a, by_one, _mm_loadu_si128(s));
        s += 1;
        n -= 16;
    }
    uint8_t left[16];
    _mm_storeu_si128((__m128i *)left, a);
    return crc32_table(crc32_table(0, left, 16), (const uint8_t *)s, n);
}
#endif

uint32_t cbytes_crc32(uint32_t crc, const void *bytes, size_t n) {
    pthread_once(&table_once, fill_table);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) return ~crc32_hardware(~crc, bytes, n);
#endif
    return ~crc32_table(~crc, bytes, n);
}
