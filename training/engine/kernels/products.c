/* Products of float32 matrices, for processors with AVX2 and FMA but without AVX-512.

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

enum {
    HEIGHT = 6, /* 6 x 16 sums fill 12 of 16 registers; the rest is for what is multiplied */
    WIDTH = 16,
    DEPTH = 256, /* terms at a time: 16 KiB of B, 6 KiB of A beside it */
    BLOCK = 192, /* rows of A at a time: 192 KiB */
    TALLEST = 1152, /* a tile */
    WIDEST = 768,
    AHEAD = 8, /* rows fetched early while packing */
};

/* Kept by each thread: fresh memory would be touched anew by every product. */
static _Thread_local float of_a[BLOCK * DEPTH + 2] __attribute__((aligned(64)));
static _Thread_local float of_b[WIDEST * DEPTH] __attribute__((aligned(64)));

static inline long least(long a, long b) { return a < b ? a : b; }
static inline long parts(long whole, long most) { return (whole + most - 1) / most; }

/* How long each of `count` equal parts is, in whole units. */
static inline long part(long whole, long count, long unit) {
    return parts(parts(whole, count), unit) * unit;
}

static inline void fetch(const float *x) { _mm_prefetch((const char *)x, _MM_HINT_T0); }

/* --- packing ---------------------------------------------------------------------------------- */

/* Lines are rows of A or columns of B. Number p of line i lies at x[i * line + p * next] and goes
   to out[i / size * size * k + p * size + i % size]; lines missing at the end are zeros. */

/* Panels of lines that lie side by side. Several at once, so that what is fetched is used. */
static inline __attribute__((always_inline)) void copy(long panels, long k, const float *x,
                                                       long next, float *out, int size) {
    for (long p = 0; p < k; p++) {
        const float *from = x + p * next;
        float *to = out + p * size;
        for (long j = 0; j < panels * size; j += 16) fetch(from + AHEAD * next + j);
        for (long j = 0; j < panels; j++, from += size, to += k * size) {
            if (size == WIDTH) {
                _mm256_store_ps(to, _mm256_loadu_ps(from));
                _mm256_store_ps(to + 8, _mm256_loadu_ps(from + 8));
            } else {
                _mm_storeu_ps(to, _mm_loadu_ps(from));
                to[4] = from[4];
                to[5] = from[5];
            }
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
static inline __attribute__((always_inline)) void turn(long k, const float *x, long line,
                                                       float *out, int size) {
    long p = 0;
    for (; p + 8 <= k; p += 8)
        for (int first = 0; first < size; first += 8) {
            __m256 r[8];
            for (int i = 0; i < 8; i++) {
                const float *from = x + (first + i) * line + p;
                r[i] = first + i < size ? _mm256_loadu_ps(from) : _mm256_setzero_ps();
                if (first + i < size && p % 16 == 0) fetch(from + size * line); /* next panel's */
            }
            transpose(r);
            for (int i = 0; i < 8; i++) _mm256_storeu_ps(out + (p + i) * size + first, r[i]);
        }
    for (; p < k; p++)
        for (int i = 0; i < size; i++) out[p * size + i] = x[i * line + p];
}

static inline __attribute__((always_inline)) void pack(long lines, long k, const float *x,
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
                out[i * k + p * size + j - i] = j < lines ? x[j * line + p * next] : 0.0f;
}

/* --- multiplying ------------------------------------------------------------------------------ */

/* A panel of A times a panel of B: (HEIGHT, WIDTH) numbers, written to `c` or added to it. */
static __attribute__((noinline)) void cell(long k, const float *a, const float *b, float *c,
                                           long c_row, int adds) {
    __m256 sums[HEIGHT][2]; /* in registers, if all loops over them are unrolled */
#pragma GCC unroll 6
    for (int i = 0; i < HEIGHT; i++) {
        sums[i][0] = sums[i][1] = _mm256_setzero_ps();
        fetch(c + i * c_row);
        fetch(c + i * c_row + WIDTH - 1);
    }
#pragma GCC unroll 4
    for (long p = 0; p < k; p++, a += HEIGHT, b += WIDTH) {
        __m256 left = _mm256_load_ps(b), right = _mm256_load_ps(b + 8);
#pragma GCC unroll 6
        for (int i = 0; i < HEIGHT; i++) {
            __m256 by = _mm256_broadcast_ss(a + i);
            sums[i][0] = _mm256_fmadd_ps(by, left, sums[i][0]);
            sums[i][1] = _mm256_fmadd_ps(by, right, sums[i][1]);
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < HEIGHT; i++) {
        float *to = c + i * c_row;
        if (adds) {
            sums[i][0] = _mm256_add_ps(_mm256_loadu_ps(to), sums[i][0]);
            sums[i][1] = _mm256_add_ps(_mm256_loadu_ps(to + 8), sums[i][1]);
        }
        _mm256_storeu_ps(to, sums[i][0]);
        _mm256_storeu_ps(to + 8, sums[i][1]);
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

static void tile(long m, long n, long k, const float *a, long a_row, long a_column, const float *b,
                 long b_row, long b_column, float *c, long c_row, int adds) {
    long depth = part(k, parts(k, DEPTH), 8), height = part(m, parts(m, BLOCK), HEIGHT);
    for (long p = 0; p < k; p += depth, adds = 1) {
        long terms = least(depth, k - p);
        pack(n, terms, b + p * b_row, b_column, b_row, of_b, WIDTH);
        for (long top = 0; top < m; top += height) {
            long rows = least(height, m - top);
            pack(rows, terms, a + top * a_row + p * a_column, a_row, a_column, of_a, HEIGHT);
            for (long j = 0; j < n; j += WIDTH)
                for (long i = 0; i < rows; i += HEIGHT) {
                    const float *of = of_a + i * terms, *by = of_b + j * terms;
                    float *to = c + (top + i) * c_row + j;
                    if (rows - i < HEIGHT || n - j < WIDTH)
                        border(terms, of, by, to, c_row, least(HEIGHT, rows - i),
                               least(WIDTH, n - j), adds);
                    else cell(terms, of, by, to, c_row, adds);
                }
        }
    }
}

/* C = A B or, where it `adds`, C += A B: (m, k), (k, n) → (m, n), none of them empty. Rows of C lie
   `c_row` numbers apart and are whole; A and B may lie in any order. */
void multiply(long m, long n, long k, const float *a, long a_row, long a_column, const float *b,
              long b_row, long b_column, float *c, long c_row, long adds, int threads) {
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
