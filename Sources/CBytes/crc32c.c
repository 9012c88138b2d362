#include "cbytes.h"
#include <pthread.h>
#include <string.h>

// CRC-32C (Castagnoli), reflected: the polynomial without its highest term.
#define POLYNOMIAL 0x82f63b78u

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void fill_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = (c & 1) ? (c >> 1) ^ POLYNOMIAL : c >> 1;
        table[i] = c;
    }
}

static uint32_t crc32c_table(uint32_t crc, const uint8_t *p, size_t n) {
    pthread_once(&table_once, fill_table);
    uint32_t c = ~crc;
    while (n--) c = table[(c ^ *p++) & 0xff] ^ (c >> 8);
    return ~c;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

// The instruction takes one word a cycle but answers after three, so three runs of bytes are summed side by side. The
// sums are then put together: appending k bytes to a message multiplies its remainder by x^(8k), which is linear in
// the remainder's bits, so four tables of 256 entries do it for one k.
enum { LANE = 4096, LANES = 3 };

static uint32_t shift[4][256];
static pthread_once_t shift_once = PTHREAD_ONCE_INIT;

// a·b modulo the polynomial, in the reflected order of bits: bit 31 stands for x^0.
static uint32_t multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        if (a & bit) product ^= b;
        b = (b & 1) ? (b >> 1) ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

static void fill_shift(void) {
    uint32_t power = 1u << 30;  // x
    uint32_t factor = 1u << 31; // 1
    for (size_t bits = (size_t)LANE * 8; bits; bits >>= 1) {
        if (bits & 1) factor = multiply(factor, power);
        power = multiply(power, power);
    }
    for (int byte = 0; byte < 4; byte++)
        for (uint32_t value = 0; value < 256; value++) shift[byte][value] = multiply(value << (8 * byte), factor);
}

static inline uint32_t past_lane(uint32_t c) {
    return shift[0][c & 0xff] ^ shift[1][(c >> 8) & 0xff] ^ shift[2][(c >> 16) & 0xff] ^ shift[3][c >> 24];
}

static inline uint64_t word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

__attribute__((target("sse4.2"))) static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *p, size_t n) {
    uint64_t c = ~crc & 0xffffffffu;
    if (n >= LANES * LANE) pthread_once(&shift_once, fill_shift);
    while (n >= LANES * LANE) {
        uint64_t second = 0, third = 0;
        for (size_t i = 0; i < LANE; i += 8) {
            c = _mm_crc32_u64(c, word_at(p + i));
            second = _mm_crc32_u64(second, word_at(p + LANE + i));
            third = _mm_crc32_u64(third, word_at(p + 2 * LANE + i));
        }
        c = past_lane((uint32_t)c) ^ second;
        c = past_lane((uint32_t)c) ^ third;
        p += LANES * LANE;
        n -= LANES * LANE;
    }
    while (n >= 8) {
        c = _mm_crc32_u64(c, word_at(p));
        p += 8;
        n -= 8;
    }
    uint32_t rest = (uint32_t)c;
    while (n--) rest = _mm_crc32_u8(rest, *p++);
    return ~rest;
}
#endif

uint32_t cbytes_crc32c(uint32_t crc, const void *bytes, size_t n) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return crc32c_hardware(crc, bytes, n);
#endif
    return crc32c_table(crc, bytes, n);
}
