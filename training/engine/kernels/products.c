/* Products of matrices, for processors with AVX2 and FMA; engine/products.py says when it is faster
   than others. Numbers are widened while they are packed, so sums run in float32 throughout.

   The structure is that of Goto and van de Geijn (2008, "Anatomy of high-performance matrix
   multiplication") as BLIS has it (Van Zee and van de Geijn 2015, "BLIS: a framework for rapidly
   instantiating BLAS functionality"). C is cut into tiles, which the threads take one by one. For
   each stretch of the sum over k, a tile's part of B is packed into panels of WIDTH columns and
   its part of A, HEIGHT rows at a time, into panels of rows, both in the order in which `cell`
   reads them: a panel of B stays in the first cache, a block of A in the second. `cell` holds
   HEIGHT x WIDTH sums in registers.

   No transposed product needs code of its own: packing reads either order.

   Every sum is taken in one order, which hangs on k alone: neither threads nor cuts change it. */

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

#include "number.h"

#ifdef __AVX512F__
typedef __m512 row;
static inline row every(float x) { return _mm512_set1_ps(x); }
static inline row load(const float *x) { return _mm512_loadu_ps(x); }
static inline void store(float *x, row y) { _mm512_storeu_ps(x, y); }
static inline row plus(row x, row y) { return _mm512_add_ps(x, y); }
static inline row plus_product(row x, row y, row z) { return _mm512_fmadd_ps(y, z, x); }

enum {
    HEIGHT = 8, /* 8 x 48 sums fill 24 of 32 registers; the rest is for what is multiplied */
    ACROSS = 3,
    DEPTH = 192, /* terms at a time: 36 KiB of B, 6 KiB of A beside it */
};
#else
typedef __m256 row;
static inline row every(float x) { return _mm256_set1_ps(x); }
static inline row load(const float *x) { return _mm256_loadu_ps(x); }
static inline void store(float *x, row y) { _mm256_storeu_ps(x, y); }
static inline row plus(row x, row y) { return _mm256_add_ps(x, y); }
static inline row plus_product(row x, row y, row z) { return _mm256_fmadd_ps(y, z, x); }

enum {
    HEIGHT = 6, /* 6 x 16 sums fill 12 of 16 registers */
    ACROSS = 2,
    DEPTH = 256, /* 16 KiB of B, 6 KiB of A */
};
#endif

enum {
    WIDTH = ACROSS * LANES,
    BLOCK = 192,    /* rows of A at a time: 144 or 192 KiB */
    TALLEST = 1152, /* a tile */
    WIDEST = 768,
    AHEAD = 8, /* rows fetched early while packing */
};

/* Kept by each thread: fresh memory would be touched anew by every product. */
static _Thread_local float of_a[BLOCK * DEPTH + 2] __attribute__((aligned(64)));
static _Thread_local float of_b[WIDEST * DEPTH] __attribute__((aligned(64)));
#ifndef SINGLE
static _Thread_local float of_c[TALLEST * WIDEST] __attribute__((aligned(64)));
#endif

static inline long least(long a, long b) { return a < b ? a : b; }
static inline long parts(long whole, long most) { return (whole + most - 1) / most; }

/* How long each of `count` equal parts is, in whole units. */
static inline long part(long whole, long count, long unit) {
    return parts(parts(whole, count), unit) * unit;
}

static inline void fetch(const void *x) { _mm_prefetch((const char *)x, _MM_HINT_T0); }

#ifdef SINGLE
static inline __m256 eight(const number *x) { return _mm256_loadu_ps(x); }
static inline __m128 four(const number *x) { return _mm_loadu_ps(x); }
#else
static inline __m256 eight(const number *x) {
    __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)x));
    return _mm256_castsi256_ps(_mm256_slli_epi32(bits, 16));
}
static inline __m128 four(const number *x) {
    __m128i bits = _mm_cvtepu16_epi32(_mm_loadl_epi64((const __m128i *)x));
    return _mm_castsi128_ps(_mm_slli_epi32(bits, 16));
}
#endif

/* --- packing ---------------------------------------------------------------------------------- */

/* Lines are rows of A or columns of B. Number p of line i lies at x[i * line + p * next] and goes
   to out[i / size * size * k + p * size + i % size]; lines missing at the end are zeros. */

/* Panels of lines that lie side by side. Several at once, so that what is fetched is used. */
static inline __attribute__((always_inline)) void copy(long panels, long k, const number *x,
                                                       long next, float *out, int size) {
    for (long p = 0; p < k; p++) {
        const number *from = x + p * next;
        float *to = out + p * size;
        for (long j = 0; j < panels * size; j += 16) fetch(from + AHEAD * next + j);
        for (long j = 0; j < panels; j++, from += size, to += k * size) {
            int i = 0;
            for (; i + 8 <= size; i += 8) _mm256_storeu_ps(to + i, eight(from + i));
            if (i + 4 <= size) _mm_storeu_ps(to + i, four(from + i)), i += 4;
            for (; i < size; i++) to[i] = widen(from[i]);
        }
    }
}

/* 8 numbers of each of 8 lines → the 8 lines' first numbers, then their second … */
static inline __attribute__((always_inline)) void transpose(__m256 r[8]) {
    __m256 s[8];
    for (int i = 0; i < 8; i += 4) {
        __m256 low = _mm256_unpacklo_ps(r[i], r[i + 1]), high = _mm256_unpackhi_ps(r[i], r[i + 1]);
        __m256 low2 = _mm256_unpacklo_ps(r[i + 2], r[i + 3]);
        __m256 high2 = _mm256_unpackhi_ps(r[i + 2], r[i + 3]);
        s[i] = _mm256_shuffle_ps(low, low2, 0x44);
        s[i + 1] = _mm256_shuffle_ps(low, low2, 0xee);
        s[i + 2] = _mm256_shuffle_ps(high, high2, 0x44);
        s[i + 3] = _mm256_shuffle_ps(high, high2, 0xee);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(s[i], s[i + 4], 0x31);
    }
}

/* One panel of lines each of which lies in one piece. Of 6 lines, 8 numbers are stored; the next
   store, or the next panel, overwrites two. */
static inline __attribute__((always_inline)) void turn(long k, const number *x, long line,
                                                       float *out, int size) {
    long p = 0;
    for (; p + 8 <= k; p += 8)
        for (int first = 0; first < size; first += 8) {
            __m256 r[8];
            for (int i = 0; i < 8; i++) {
                const number *from = x + (first + i) * line + p;
                r[i] = first + i < size ? eight(from) : _mm256_setzero_ps();
                if (first + i < size && p % 16 == 0) fetch(from + size * line); /* next panel's */
            }
            transpose(r);
            for (int i = 0; i < 8; i++) _mm256_storeu_ps(out + (p + i) * size + first, r[i]);
        }
    for (; p < k; p++)
        for (int i = 0; i < size; i++) out[p * size + i] = widen(x[i * line + p]);
}

static inline __attribute__((always_inline)) void pack(long lines, long k, const number *x,
                                                       long line, long next, float *out, int size) {
    const long together = size == WIDTH ? 4 : 8;
    long whole = lines / size, done = 0; /* panels */
    if (line == 1)
        for (; done < whole; done += least(together, whole - done))
            copy(least(together, whole - done), k, x + done * size, next, out + done * size * k,
                 size);
    else if (next == 1)
        for (; done < whole; done++)
            turn(k, x + done * size * line, line, out + done * size * k, size);
    for (long i = done * size; i < lines; i += size)
        for (long p = 0; p < k; p++)
            for (long j = i; j < i + size; j++)
                out[i * k + p * size + j - i] = j < lines ? widen(x[j * line + p * next]) : 0.0f;
}

/* --- multiplying ------------------------------------------------------------------------------ */

/* A panel of A times a panel of B: (HEIGHT, WIDTH) numbers, written to `c` or added to it. */
static __attribute__((noinline)) void cell(long k, const float *a, const float *b, float *c,
                                           long c_row, int adds) {
    row sums[HEIGHT][ACROSS]; /* in registers, if all loops over them are unrolled */
#pragma GCC unroll 8
    for (int i = 0; i < HEIGHT; i++) {
#pragma GCC unroll 3
        for (int j = 0; j < ACROSS; j++) sums[i][j] = every(0.0f);
        fetch(c + i * c_row);
        fetch(c + i * c_row + WIDTH - 1);
    }
#pragma GCC unroll 4
    for (long p = 0; p < k; p++, a += HEIGHT, b += WIDTH) {
        row of_b[ACROSS];
#pragma GCC unroll 3
        for (int j = 0; j < ACROSS; j++) of_b[j] = load(b + j * LANES);
#pragma GCC unroll 8
        for (int i = 0; i < HEIGHT; i++) {
            row by = every(a[i]);
#pragma GCC unroll 3
            for (int j = 0; j < ACROSS; j++) sums[i][j] = plus_product(sums[i][j], by, of_b[j]);
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < HEIGHT; i++) {
#pragma GCC unroll 3
        for (int j = 0; j < ACROSS; j++) {
            float *to = c + i * c_row + j * LANES;
            store(to, adds ? plus(sums[i][j], load(to)) : sums[i][j]);
        }
    }
}

/* A cell at the border, of which only some rows and columns are there. */
static void border(long k, const float *a, const float *b, float *c, long c_row, long rows,
                   long columns, int adds) {
    float whole[HEIGHT * WIDTH];
    cell(k, a, b, whole, WIDTH, 0);
    for (long i = 0; i < rows; i++)
        for (long j = 0; j < columns; j++) {
            float *to = c + i * c_row + j, sum = whole[i * WIDTH + j];
            *to = adds ? *to + sum : sum;
        }
}

static void tile(long m, long n, long k, const number *a, long a_row, long a_column,
                 const number *b, long b_row, long b_column, number *c, long c_row, int adds) {
#ifdef SINGLE
    float *sums = c;
    long apart = c_row;
    int more = adds;
#else
    float *sums = of_c;
    long apart = n;
    int more = 0;
#endif
    long depth = part(k, parts(k, DEPTH), 8), height = part(m, parts(m, BLOCK), HEIGHT);
    for (long p = 0; p < k; p += depth, more = 1) {
        long terms = least(depth, k - p);
        pack(n, terms, b + p * b_row, b_column, b_row, of_b, WIDTH);
        for (long top = 0; top < m; top += height) {
            long rows = least(height, m - top);
            pack(rows, terms, a + top * a_row + p * a_column, a_row, a_column, of_a, HEIGHT);
            for (long j = 0; j < n; j += WIDTH)
                for (long i = 0; i < rows; i += HEIGHT) {
                    const float *of = of_a + i * terms, *by = of_b + j * terms;
                    float *to = sums + (top + i) * apart + j;
                    if (rows - i < HEIGHT || n - j < WIDTH)
                        border(terms, of, by, to, apart, least(HEIGHT, rows - i),
                               least(WIDTH, n - j), more);
                    else cell(terms, of, by, to, apart, more);
                }
        }
    }
#ifndef SINGLE
    for (long i = 0; i < m; i++) {
        float *from = sums + i * apart;
        number *to = c + i * c_row;
        if (adds)
#pragma omp simd
            for (long j = 0; j < n; j++) from[j] += widen(to[j]);
#pragma omp simd
        for (long j = 0; j < n; j++) to[j] = narrow(from[j]);
    }
#endif
}

/* C = A B or, where it `adds`, C += A B: (m, k), (k, n) → (m, n), none of them empty. Rows of C lie
   `c_row` numbers apart and are whole; A and B may lie in any order. */
void multiply(long m, long n, long k, const number *a, long a_row, long a_column, const number *b,
              long b_row, long b_column, number *c, long c_row, long adds, int threads) {
    long down = 0, across = 0, fewest = 0;
    /* As many tiles as occupy all threads: multiples of i one above another. */
    for (long i = 1; i <= threads; i++) {
        if (threads % i) continue;
        long tall = parts(parts(m, TALLEST), i) * i;
        long wide = parts(parts(n, WIDEST), threads / i) * (threads / i);
        long packed = tall * n + wide * m; /* a part of B for each tile above another … */
        if (!down || packed < fewest) down = tall, across = wide, fewest = packed;
    }
    long height = part(m, down, HEIGHT), width = part(n, across, WIDTH);
    down = parts(m, height), across = parts(n, width);
    /* Taken as they come: a thread that has to wait for its processor delays the others less. */
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (long t = 0; t < down * across; t++) {
        long i = t / across * height, j = t % across * width;
        tile(least(height, m - i), least(width, n - j), k, a + i * a_row, a_row, a_column,
             b + j * b_column, b_row, b_column, c + i * c_row + j, c_row, (int)adds);
    }
}

#endif
