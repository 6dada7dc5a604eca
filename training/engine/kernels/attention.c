/* Attention of one layer over packed trees, forward and backward, without a table of all scores.

   A tree is a run of tokens that all its later runs see (the prompt), then such runs (the
   responses); every tree but the first sees the root, which is the first tree's prompt. A query sees
   its own run up to itself.

   Tree by tree and group by group of heads, a strip of queries at a time: scores, their softmax and
   the sum of the values never leave the cache, and no key is multiplied that none of the strip's
   queries sees. What is kept for the backward pass is the logarithm of each softmax's denominator,
   by which it is computed again there (Dao et al. 2022, arXiv:2205.14135, algorithms 2 and 4).

   A task's numbers do not hang on who computes it, and what several trees give to the root is added
   in their order: the result is the same for any number of threads. */

#include <omp.h>

#include "number.h"

enum {
    HEIGHT = 6,
    WIDTH = 2 * LANES, /* HEIGHT x WIDTH sums fill 12 registers */
    STRIP = 48,        /* rows of scores at a time: (query, head) */
    GAP = 16,          /* else rows at such distances would fall on the same lines of the cache */
};

static inline long least(long a, long b) { return a < b ? a : b; }
static inline long most(long a, long b) { return a > b ? a : b; }
static inline long rounded(long x, long unit) { return (x + unit - 1) / unit * unit; }

/* --- small products --------------------------------------------------------------------------- */

/* C = A B or, where it `adds`, C += A B, for HEIGHT rows and WIDTH columns of C and k terms. Any
   strides, any processor: products.c has its own, without strides, which is 6 % faster there. */
static inline __attribute__((always_inline)) void cell(long k, const float *a, long a_row,
                                                       long a_column, const float *b, long b_row,
                                                       float *c, long c_row, int adds) {
    lanes sums[HEIGHT][2] = {{{0}}};
    for (long p = 0; p < k; p++, a += a_column, b += b_row) {
        lanes left = *(const lanes *)b, right = *(const lanes *)(b + LANES);
#pragma GCC unroll 6
        for (int i = 0; i < HEIGHT; i++) {
            sums[i][0] += a[i * a_row] * left;
            sums[i][1] += a[i * a_row] * right;
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < HEIGHT; i++) {
        lanes *to = (lanes *)(c + i * c_row);
        if (adds) sums[i][0] += to[0], sums[i][1] += to[1];
        to[0] = sums[i][0], to[1] = sums[i][1];
    }
}

/* Rows of D numbers lie `wide` apart, D rounded up to whole cells; what stands behind the D is
   never read. */

/* (rows, D) times the transposed of (keys, D), which lies in panels: (rows, keys). */
static void by_panels(long rows, long keys, long size, long wide, const float *a,
                      const float *panels, float *out, long out_row) {
    for (long j = 0; j < keys; j += WIDTH)
        for (long i = 0; i < rows; i += HEIGHT)
            cell(size, a + i * wide, wide, 1, panels + j * wide, WIDTH, out + i * out_row + j,
                 out_row, 0);
}

/* (rows, keys) times (keys, D): (rows, D). */
static void by_keys(long rows, long keys, long wide, const float *a, long a_row, const float *b,
                    float *out) {
    for (long j = 0; j < wide; j += WIDTH)
        for (long i = 0; i < rows; i += HEIGHT)
            cell(keys, a + i * a_row, a_row, 1, b + j, wide, out + i * wide + j, wide, 0);
}

/* The transposed of (rows, keys) times (rows, D), added to (keys, D). */
static void add_by_rows(long rows, long keys, long wide, const float *a, long a_row,
                        const float *b, float *out) {
    for (long i = 0; i < keys; i += HEIGHT)
        for (long j = 0; j < wide; j += WIDTH)
            cell(rows, a + i, 1, a_row, b + j, wide, out + i * wide + j, wide, 1);
}

/* --- what a task works on --------------------------------------------------------------------- */

typedef struct {
    long heads, groups, per_group, all; /* H, G, R, H + 2 G */
    long size, wide;                    /* D, and that rounded up to whole cells */
    const number *qkv;                  /* (N, H + 2 G, D) */
    const int64_t *trees, *runs;        /* tree t's runs are trees[t] … trees[t + 1]; of each its
                                           start, its end and its first query */
    long root;
} Layout;

/* Where a thread keeps what it works on. */
typedef struct {
    long row;                         /* distance of two rows of scores */
    float *keys, *values;             /* (keys, D) */
    float *key_panels, *value_panels; /* WIDTH keys side by side */
    float *d_keys, *d_values;
    float *queries, *outs;            /* (STRIP, D) */
    float *scores, *d_scores;         /* (STRIP, keys) */
} Desk;

static long padded(long keys) { return rounded(keys, WIDTH) + HEIGHT; }

/* How many numbers a desk takes. */
long attention_desk(long keys, long size) {
    long wide = rounded(size, WIDTH), row = padded(keys) + GAP;
    return 6 * padded(keys) * wide + 2 * STRIP * wide + 2 * STRIP * row;
}

static Desk desk_at(float *memory, long keys, long wide) {
    Desk d = {.row = padded(keys) + GAP};
    float **of_keys[] = {&d.keys, &d.values, &d.key_panels, &d.value_panels, &d.d_keys, &d.d_values};
    for (int i = 0; i < 6; i++, memory += padded(keys) * wide) *of_keys[i] = memory;
    d.queries = memory, d.outs = d.queries + STRIP * wide;
    d.scores = d.outs + STRIP * wide, d.d_scores = d.scores + STRIP * d.row;
    return d;
}

static inline void widened(long count, const number *from, float *to) {
#pragma omp simd
    for (long j = 0; j < count; j++) to[j] = widen(from[j]);
}

static inline void narrowed(long count, const float *from, number *to) {
#pragma omp simd
    for (long j = 0; j < count; j++) to[j] = narrow(from[j]);
}

/* Put the tokens start … end of a head down as keys number `at` and following. */
static void lay_out(const Layout *l, long head, long start, long end, long at, float *flat,
                    float *panels) {
    for (long t = start; t < end; t++, at++) {
        const number *from = l->qkv + (t * l->all + head) * l->size;
        if (flat) widened(l->size, from, flat + at * l->wide);
        if (!panels) continue;
        float *to = panels + at / WIDTH * WIDTH * l->wide + at % WIDTH;
        for (long j = 0; j < l->size; j++) to[j * WIDTH] = widen(from[j]);
    }
}

/* One strip: `count` queries from `token` on, the first of which sees `seen` keys. */
typedef struct {
    long token, count, rows, seen, keys;
} Strip;

static Strip strip_at(const Layout *l, long token, long end, long before, long start) {
    long count = least(most(1, STRIP / l->per_group), end - token);
    long seen = before + token - start + 1;
    return (Strip){token, count, count * l->per_group, seen, seen + count - 1};
}

/* The strip's rows of the group's heads in x, whose tokens have `heads` heads: (rows, D). */
static void take_rows(const Layout *l, const Strip *s, long group, const number *x, long heads,
                      float *to) {
    for (long i = 0; i < s->rows; i++) {
        long token = s->token + i / l->per_group, head = group * l->per_group + i % l->per_group;
        widened(l->size, x + (token * heads + head) * l->size, to + i * l->wide);
    }
}

/* --- forward ---------------------------------------------------------------------------------- */

static void softmax(const Layout *l, const Strip *s, const Desk *d, long group, float *lse) {
    for (long i = 0; i < s->rows; i++) {
        long query = i / l->per_group, n = s->seen + query;
        float *z = d->scores + i * d->row, largest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : largest)
        for (long j = 0; j < n; j++) largest = z[j] > largest ? z[j] : largest;
#pragma omp simd reduction(+ : sum)
        for (long j = 0; j < n; j++) {
            z[j] = exp_of(z[j] - largest);
            sum += z[j];
        }
        float by = 1.0f / sum;
#pragma omp simd
        for (long j = 0; j < n; j++) z[j] *= by;
        memset(z + n, 0, 4 * (s->keys - n));
        lse[(s->token + query) * l->heads + group * l->per_group + i % l->per_group] =
            largest + logf(sum);
    }
}

static void forward_tree(const Layout *l, const Desk *d, long tree, long group, number *out,
                         float *lse) {
    long root = tree ? l->root : 0, before = root, key = l->heads + group, value = key + l->groups;
    lay_out(l, key, 0, root, 0, NULL, d->key_panels);
    lay_out(l, value, 0, root, 0, d->values, NULL);
    for (long r = l->trees[tree]; r < l->trees[tree + 1]; r++) {
        long start = l->runs[3 * r], end = l->runs[3 * r + 1], first = l->runs[3 * r + 2];
        lay_out(l, key, start, end, before, NULL, d->key_panels);
        lay_out(l, value, start, end, before, d->values, NULL);
        Strip s;
        for (long token = first; token < end; token += s.count) {
            s = strip_at(l, token, end, before, start);
            take_rows(l, &s, group, l->qkv, l->all, d->queries);
            by_panels(s.rows, s.keys, l->size, l->wide, d->queries, d->key_panels, d->scores,
                      d->row);
            softmax(l, &s, d, group, lse);
            by_keys(s.rows, s.keys, l->wide, d->scores, d->row, d->values, d->outs);
            for (long i = 0; i < s.rows; i++) {
                long at = (token + i / l->per_group) * l->heads + group * l->per_group;
                narrowed(l->size, d->outs + i * l->wide, out + (at + i % l->per_group) * l->size);
            }
        }
        if (r == l->trees[tree]) before += end - start;
    }
}

/* --- backward --------------------------------------------------------------------------------- */

/* Scores → probabilities, and their gradients → the scores'. */
static void softmax_backward(const Layout *l, const Strip *s, const Desk *d, long group,
                             const float *lse) {
    for (long i = 0; i < s->rows; i++) {
        long query = i / l->per_group, n = s->seen + query;
        float *z = d->scores + i * d->row, *g = d->d_scores + i * d->row, inner = 0;
        float whole = lse[(s->token + query) * l->heads + group * l->per_group + i % l->per_group];
#pragma omp simd reduction(+ : inner)
        for (long j = 0; j < n; j++) {
            z[j] = exp_of(z[j] - whole);
            inner += z[j] * g[j];
        }
#pragma omp simd
        for (long j = 0; j < n; j++) g[j] = z[j] * (g[j] - inner);
        /* Products with the transposed read whole cells of keys. */
        long beyond = rounded(s->keys, HEIGHT) - n;
        memset(z + n, 0, 4 * beyond);
        memset(g + n, 0, 4 * beyond);
    }
}

/* Write the gradients of keys number `at` and following to the tokens start … end. */
static void give_back(const Layout *l, const Desk *d, long group, long start, long end, long at,
                      float *into) {
    for (long t = start; t < end; t++, at++) {
        float *to = into + (t * l->all + l->heads + group) * l->size;
        memcpy(to, d->d_keys + at * l->wide, 4 * l->size);
        memcpy(to + l->groups * l->size, d->d_values + at * l->wide, 4 * l->size);
    }
}

/* `of_root` takes this task's part of the root's gradients: (2, root, D). */
static void backward_tree(const Layout *l, const Desk *d, long tree, long group,
                          const number *d_out, const float *lse, float *into, float *of_root) {
    long root = tree ? l->root : 0, before = root, key = l->heads + group, value = key + l->groups;
    long first_run = l->trees[tree], bytes = 4 * l->wide;
    lay_out(l, key, 0, root, 0, d->keys, d->key_panels);
    lay_out(l, value, 0, root, 0, NULL, d->value_panels);
    memset(d->d_keys, 0, root * bytes);
    memset(d->d_values, 0, root * bytes);
    for (long r = first_run; r < l->trees[tree + 1]; r++) {
        long start = l->runs[3 * r], end = l->runs[3 * r + 1], first = l->runs[3 * r + 2];
        lay_out(l, key, start, end, before, d->keys, d->key_panels);
        lay_out(l, value, start, end, before, NULL, d->value_panels);
        memset(d->d_keys + before * l->wide, 0, (end - start + HEIGHT) * bytes);
        memset(d->d_values + before * l->wide, 0, (end - start + HEIGHT) * bytes);
        Strip s;
        for (long token = first; token < end; token += s.count) {
            s = strip_at(l, token, end, before, start);
            take_rows(l, &s, group, l->qkv, l->all, d->queries);
            take_rows(l, &s, group, d_out, l->heads, d->outs);
            by_panels(s.rows, s.keys, l->size, l->wide, d->queries, d->key_panels, d->scores,
                      d->row);
            by_panels(s.rows, s.keys, l->size, l->wide, d->outs, d->value_panels, d->d_scores,
                      d->row);
            softmax_backward(l, &s, d, group, lse);
            add_by_rows(s.rows, s.keys, l->wide, d->scores, d->row, d->outs, d->d_values);
            add_by_rows(s.rows, s.keys, l->wide, d->d_scores, d->row, d->queries, d->d_keys);
            by_keys(s.rows, s.keys, l->wide, d->d_scores, d->row, d->keys, d->outs);
            for (long i = 0; i < s.rows; i++) {
                long at = (token + i / l->per_group) * l->all + group * l->per_group;
                memcpy(into + (at + i % l->per_group) * l->size, d->outs + i * l->wide,
                       4 * l->size);
            }
        }
        if (r == first_run) before += end - start;
        else give_back(l, d, group, start, end, before, into);
    }
    long prompt = l->runs[3 * first_run];
    give_back(l, d, group, prompt, prompt + before - root, root, into);
    for (long i = 0; i < root; i++) {
        memcpy(of_root + i * l->size, d->d_keys + i * l->wide, 4 * l->size);
        memcpy(of_root + (root + i) * l->size, d->d_values + i * l->wide, 4 * l->size);
    }
}

/* --- all tasks -------------------------------------------------------------------------------- */

static Layout layout(long heads, long groups, long size, const int64_t *trees, const int64_t *runs,
                     long root, const number *qkv) {
    return (Layout){heads, groups, heads / groups, heads + 2 * groups, size, rounded(size, WIDTH),
                    qkv, trees, runs, root};
}

/* `desks` is (threads, attention_desk(keys, size)), `keys` the most that a tree has in sight. */
void attention(long heads, long groups, long size, long count, const int64_t *trees,
               const int64_t *runs, long root, long keys, const number *qkv, float *desks,
               number *out, float *lse, int threads) {
    Layout l = layout(heads, groups, size, trees, runs, root, qkv);
#pragma omp parallel num_threads(threads)
    {
        float *memory = desks + omp_get_thread_num() * attention_desk(keys, size);
        Desk d = desk_at(memory, keys, l.wide);
#pragma omp for schedule(dynamic) collapse(2)
        for (long t = 0; t < count; t++)
            for (long g = 0; g < groups; g++) forward_tree(&l, &d, t, g, out, lse);
    }
}

/* `of_root` is (count, G, 2, root, D). Of `into`, (N, H + 2 G, D), all is written but the gradients
   of tokens that asked nothing. */
void attention_backward(long heads, long groups, long size, long count, const int64_t *trees,
                        const int64_t *runs, long root, long keys, const number *qkv, float *desks,
                        const number *d_out, const float *lse, float *into, float *of_root,
                        int threads) {
    Layout l = layout(heads, groups, size, trees, runs, root, qkv);
    long part = 2 * root * size;
#pragma omp parallel num_threads(threads)
    {
        float *memory = desks + omp_get_thread_num() * attention_desk(keys, size);
        Desk d = desk_at(memory, keys, l.wide);
#pragma omp for schedule(dynamic) collapse(2)
        for (long t = 0; t < count; t++)
            for (long g = 0; g < groups; g++)
                backward_tree(&l, &d, t, g, d_out, lse, into, of_root + (t * groups + g) * part);
    }
    for (long t = 1; t < count; t++)
        for (long g = 0; g < groups; g++)
            for (long which = 0; which < 2; which++)
                for (long i = 0; i < root; i++) {
                    const float *from =
                        of_root + (t * groups + g) * part + (which * root + i) * size;
                    float *to = into + (i * l.all + heads + g + which * groups) * size;
#pragma omp simd
                    for (long j = 0; j < size; j++) to[j] += from[j];
                }
}
