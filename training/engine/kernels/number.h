/* A `number` is what products read and write: bfloat16 (the upper half of a float) or, compiled with
   -DSINGLE, a float. Sums run in float either way. */

#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif

/* As many floats as a register holds; they may lie anywhere. */
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#ifdef SINGLE

typedef float number;

static inline float widen(number x) { return x; }
static inline number narrow(float x) { return x; }

#else

typedef uint16_t number;

static inline float widen(number x) {
    uint32_t bits = (uint32_t)x << 16;
    float out;
    memcpy(&out, &bits, 4);
    return out;
}

static inline number narrow(float x) { /* to the nearest, ties to even; NaN stays NaN */
    uint32_t bits;
    memcpy(&bits, &x, 4);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return (number)((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

#endif

static inline float exp_of(float x) { /* within 2e-7 of e^x; 0 below -87; NaN stays NaN */
    float low = x < -87.0f ? -87.0f : x;
    float y = low > 88.0f ? 88.0f : low;
    float n = __builtin_floorf(y * 1.44269504f + 0.5f);
    float r = y - n * 0.693359375f + n * 2.12194440e-4f; /* y - n ln 2, ln 2 in two parts */
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    uint32_t bits = (uint32_t)((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return x < -87.0f ? 0.0f : p * power;
}
