/* What lies between a layer's matrix products, each in one pass over memory.

   Every function shares its rows out to `threads` OpenMP threads, and what a row gives does not
   depend on how many there are, except the gains' gradients, which are summed thread by thread.

   The same in torch, and what each function means, stands in plain.py; a test compares the two. */

#include <omp.h>

#include "number.h"

static inline float sigmoid(float x) { return 1.0f / (1.0f + exp_of(-x)); }

/* --- norms ------------------------------------------------------------------------------------ */

void add_norm(long rows, long d, float *x, const number *p, const float *gain, float eps,
              number *out, number *n, float *r, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < rows; i++) {
        float *xi = x + i * d;
        double sum = 0; /* its error would be in every number of the row */
        if (p) {
            const number *pi = p + i * d;
#pragma omp simd
            for (long j = 0; j < d; j++) xi[j] += widen(pi[j]);
        }
#pragma omp simd reduction(+ : sum)
        for (long j = 0; j < d; j++) sum += (double)xi[j] * xi[j];
        float ri = 1.0 / sqrt(sum / d + eps);
        number *o = out + i * d;
        r[i] = ri;
#pragma omp simd
        for (long j = 0; j < d; j++) o[j] = narrow(xi[j] * ri * gain[j]);
        if (n) {
            number *ni = n + i * d;
#pragma omp simd
            for (long j = 0; j < d; j++) ni[j] = narrow(xi[j] * ri);
        }
    }
}

/* `sums` is (threads, d) of zeros. */
void add_norm_backward(long rows, long d, float *dx, const number *dout, const number *n,
                       const float *r, const float *gain, float *dgain, number *narrowed,
                       float *sums, int threads) {
#pragma omp parallel num_threads(threads)
    {
        float *own = sums + omp_get_thread_num() * d;
#pragma omp for schedule(static)
        for (long i = 0; i < rows; i++) {
            const number *g = dout + i * d, *ni = n + i * d;
            float *x = dx + i * d, inner = 0;
#pragma omp simd reduction(+ : inner)
            for (long j = 0; j < d; j++) {
                float weighted = widen(g[j]) * widen(ni[j]);
                own[j] += weighted;
                inner += weighted * gain[j];
            }
            inner /= d;
            number *o = narrowed + i * d;
#pragma omp simd
            for (long j = 0; j < d; j++) {
                x[j] += r[i] * (widen(g[j]) * gain[j] - widen(ni[j]) * inner);
                o[j] = narrow(x[j]);
            }
        }
    }
    for (int t = 0; t < threads; t++)
        for (long j = 0; j < d; j++) dgain[j] += sums[t * d + j];
}

/* --- rotary embedding ------------------------------------------------------------------------- */

void rotate(long rows, long heads, long turned, long scaled, long size, number *x, const float *cos,
            const float *sin, float scale, int threads) {
    long half = size / 2;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < rows; i++)
        for (long h = 0; h < turned; h++) {
            number *a = x + (i * heads + h) * size, *b = a + half;
            const float *c = cos + i * half, *s = sin + i * half;
            float by = h < scaled ? scale : 1.0f;
#pragma omp simd
            for (long j = 0; j < half; j++) {
                float first = widen(a[j]) * by, second = widen(b[j]) * by;
                a[j] = narrow(first * c[j] - second * s[j]);
                b[j] = narrow(second * c[j] + first * s[j]);
            }
        }
}

void rotate_back(long rows, long heads, long turned, long scaled, long size, const float *d,
                 const float *cos, const float *sin, float scale, number *out, int threads) {
    long half = size / 2;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < rows; i++)
        for (long h = 0; h < heads; h++) {
            const float *a = d + (i * heads + h) * size, *b = a + half;
            number *o = out + (i * heads + h) * size;
            const float *c = cos + i * half, *s = sin + i * half;
            if (h < turned) {
                float by = h < scaled ? scale : 1.0f;
#pragma omp simd
                for (long j = 0; j < half; j++) {
                    o[j] = narrow(by * (a[j] * c[j] + b[j] * s[j]));
                    o[j + half] = narrow(by * (b[j] * c[j] - a[j] * s[j]));
                }
            } else {
#pragma omp simd
                for (long j = 0; j < size; j++) o[j] = narrow(a[j]);
            }
        }
}

/* --- the gated MLP ---------------------------------------------------------------------------- */

void swiglu(long rows, long f, const number *gate_up, number *out, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < rows; i++) {
        const number *gate = gate_up + i * 2 * f, *up = gate + f;
        number *o = out + i * f;
#pragma omp simd
        for (long j = 0; j < f; j++) {
            float g = widen(gate[j]);
            o[j] = narrow(g * sigmoid(g) * widen(up[j]));
        }
    }
}

void swiglu_backward(long rows, long f, const number *gate_up, const number *dout, number *out,
                     number *d, long d_stride, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < rows; i++) {
        const number *gate = gate_up + i * 2 * f, *up = gate + f, *di = dout + i * f;
        number *o = out + i * f, *d_gate = d + i * d_stride, *d_up = d_gate + f;
#pragma omp simd
        for (long j = 0; j < f; j++) {
            float g = widen(gate[j]), u = widen(up[j]), by = widen(di[j]);
            float s = sigmoid(g), opened = g * s;
            o[j] = narrow(opened * u);
            d_up[j] = narrow(by * opened);
            d_gate[j] = narrow(by * u * (s + opened * (1.0f - s)));
        }
    }
}

/* --- the head --------------------------------------------------------------------------------- */

void vocabulary_softmax(long rows, long words, number *z, float by, float *lse, long keep,
                        int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < rows; i++) {
        number *zi = z + i * words;
        float largest = -INFINITY, sum = 0;
#pragma omp simd reduction(max : largest)
        for (long j = 0; j < words; j++) largest = widen(zi[j]) > largest ? widen(zi[j]) : largest;
        largest *= by;
        double total = 0; /* in blocks: a float loses digits over 50,000 words */
        for (long from = 0; from < words; from += 1024) {
            long to = from + 1024 < words ? from + 1024 : words;
            sum = 0;
#pragma omp simd reduction(+ : sum)
            for (long j = from; j < to; j++) sum += exp_of(widen(zi[j]) * by - largest);
            total += sum;
        }
        lse[i] = largest + (float)log(total);
        if (keep) {
            float whole = lse[i];
#pragma omp simd
            for (long j = 0; j < words; j++) zi[j] = narrow(exp_of(widen(zi[j]) * by - whole));
        }
    }
}

void scale_rows(long rows, long words, number *x, const float *by, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < rows; i++) {
        number *xi = x + i * words;
#pragma omp simd
        for (long j = 0; j < words; j++) xi[j] = narrow(widen(xi[j]) * by[i]);
    }
}

/* --- the optimizer ---------------------------------------------------------------------------- */

/* `sums` holds a double for every `block` numbers. */
void squares(long count, long block, const number *x, double *sums, int threads) {
    long blocks = (count + block - 1) / block;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long i = 0; i < blocks; i++) {
        long from = i * block, to = from + block < count ? from + block : count;
        double total = 0; /* in parts: a float loses digits over so many */
        for (long part = from; part < to; part += 4096) {
            long end = part + 4096 < to ? part + 4096 : to;
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (long j = part; j < end; j++) sum += widen(x[j]) * widen(x[j]);
            total += sum;
        }
        sums[i] = total;
    }
}

void adamw(long count, float *master, const number *gradient, float *first, float *second,
           number *copy, float scale, float beta1, float beta2, float decay, float rate,
           float second_scale, float eps, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
    for (long from = 0; from < count; from += 4096) {
        long to = from + 4096 < count ? from + 4096 : count;
#pragma omp simd
        for (long j = from; j < to; j++) {
            float g = widen(gradient[j]) * scale;
            float m = first[j] + (1.0f - beta1) * (g - first[j]);
            float v = beta2 * second[j] + (1.0f - beta2) * g * g;
            first[j] = m;
            second[j] = v;
            float decayed = master[j] - decay * master[j]; /* 1 - decay would round to 1 */
            master[j] = decayed - rate * m / (sqrtf(v) * second_scale + eps);
        }
        if (!copy) continue;
#pragma omp simd
        for (long j = from; j < to; j++) copy[j] = narrow(master[j]);
    }
}
