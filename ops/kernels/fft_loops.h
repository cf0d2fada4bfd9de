/* The loops of fft.h over one type: REAL, with NAME(x) making names. Included once per type, so there is no guard. */

static void NAME(pass2)(const struct fft_pass *p, int64_t at, int64_t out, REAL c, REAL s) {
    const REAL *const xr = p->from_re, *const xi = p->from_im;
    REAL *const yr = p->to_re, *const yi = p->to_im;
    const int64_t n = p->stride, far = p->length / 2 * n;
    SIMD for (int64_t q = 0; q < n; q++) {
        const REAL ar = xr[at + q], ai = xi[at + q], br = xr[at + far + q], bi = xi[at + far + q];
        const REAL dr = ar - br, di = ai - bi;
        yr[out + q] = ar + br;
        yi[out + q] = ai + bi;
        yr[out + n + q] = dr * c - di * s;
        yi[out + n + q] = dr * s + di * c;
    }
}

/* w: the twiddles of outputs 1, 2 and 3. */
static void NAME(pass4)(const struct fft_pass *p, int64_t at, int64_t out, const REAL w[6]) {
    const REAL *const xr = p->from_re, *const xi = p->from_im;
    REAL *const yr = p->to_re, *const yi = p->to_im;
    const int64_t n = p->stride, far = p->length / 4 * n;
    SIMD for (int64_t q = 0; q < n; q++) {
        const int64_t a = at + q, b = a + far, c = b + far, d = c + far, o = out + q;
        const REAL ar = xr[a] + xr[c], ai = xi[a] + xi[c], cr = xr[a] - xr[c], ci = xi[a] - xi[c];
        const REAL br = xr[b] + xr[d], bi = xi[b] + xi[d], dr = xi[b] - xi[d], di = xr[d] - xr[b];
        const REAL pr = cr + dr, pi = ci + di, qr = ar - br, qi = ai - bi, rr = cr - dr, ri = ci - di;
        yr[o] = ar + br;
        yi[o] = ai + bi;
        yr[o + n] = pr * w[0] - pi * w[1];
        yi[o + n] = pr * w[1] + pi * w[0];
        yr[o + 2 * n] = qr * w[2] - qi * w[3];
        yi[o + 2 * n] = qr * w[3] + qi * w[2];
        yr[o + 3 * n] = rr * w[4] - ri * w[5];
        yi[o + 3 * n] = rr * w[5] + ri * w[4];
    }
}

/* y += x * (c + i s), or y = where it is the first one. */
static void NAME(accumulate)(const REAL *xr, const REAL *xi, REAL *yr, REAL *yi, int64_t n, REAL c, REAL s, int first) {
    if (first) {
        SIMD for (int64_t q = 0; q < n; q++) {
            yr[q] = xr[q] * c - xi[q] * s;
            yi[q] = xr[q] * s + xi[q] * c;
        }
        return;
    }
    SIMD for (int64_t q = 0; q < n; q++) {
        yr[q] += xr[q] * c - xi[q] * s;
        yi[q] += xr[q] * s + xi[q] * c;
    }
}

/* Any radix, by the definition; the twiddle of output k is part of its factors. */
static void NAME(pass_any)(const struct fft_pass *p, int64_t at, int64_t out, int64_t turn) {
    const REAL *const roots = p->roots;
    const int64_t n = p->stride, far = p->length / p->radix * n, part = p->whole / p->radix;
    for (int64_t k = 0; k < p->radix; k++)
        for (int64_t j = 0; j < p->radix; j++) {
            const int64_t root = (k * j % p->radix * part + k * turn) % p->whole;
            NAME(accumulate)
            ((const REAL *)p->from_re + at + j * far, (const REAL *)p->from_im + at + j * far,
             (REAL *)p->to_re + out + k * n, (REAL *)p->to_im + out + k * n, n, roots[2 * root], roots[2 * root + 1],
             j == 0);
        }
}

static void NAME(pass)(const struct fft_pass *p) {
    const REAL *const roots = p->roots;
    for (int64_t i = 0; i < p->length / p->radix; i++) {
        const int64_t at = i * p->stride, out = at * p->radix, turn = i * p->step;
        const REAL *const w = roots + 2 * turn, *const v = roots + 4 * turn;
        if (p->radix == 2) {
            NAME(pass2)(p, at, out, w[0], w[1]);
        } else if (p->radix == 4) {
            const REAL *const u = roots + 6 * turn;
            NAME(pass4)(p, at, out, (const REAL[]){w[0], w[1], v[0], v[1], u[0], u[1]});
        } else {
            NAME(pass_any)(p, at, out, turn);
        }
    }
}

static void NAME(multiply)(const void *factors, int64_t count, int lanes, const void *re, const void *im, void *to_re,
                           void *to_im) {
    for (int64_t k = 0; k < count; k++) {
        const REAL c = ((const REAL *)factors)[2 * k], s = ((const REAL *)factors)[2 * k + 1];
        const REAL *const xr = (const REAL *)re + k * lanes, *const xi = (const REAL *)im + k * lanes;
        REAL *const yr = (REAL *)to_re + k * lanes, *const yi = (REAL *)to_im + k * lanes;
        SIMD for (int l = 0; l < lanes; l++) {
            const REAL r = xr[l], i = xi[l];
            yr[l] = r * c - i * s;
            yi[l] = r * s + i * c;
        }
    }
}

static void NAME(load)(const void *from, const struct fft_lines *lines, const void *window, void *re, void *im) {
    for (int64_t k = 0; k < lines->count; k++) {
        REAL *const yr = (REAL *)re + k * lines->lanes, *const yi = (REAL *)im + k * lines->lanes;
        for (int l = 0; l < lines->lanes; l++) {
            const REAL *const x = (const REAL *)from + (lines->bases[l] + k * lines->stride) * lines->parts;
            yr[l] = x[0];
            yi[l] = lines->parts == 2 ? x[1] : 0;
        }
        const REAL weight = window ? ((const REAL *)window)[k] : 1;
        for (int l = 0; window && l < lines->lanes; l++) {
            yr[l] *= weight;
            yi[l] *= weight;
        }
    }
}

static void NAME(store)(void *to, const struct fft_lines *lines, double scale, const void *re, const void *im) {
    const REAL factor = (REAL)scale;
    for (int64_t k = 0; k < lines->count; k++)
        for (int l = 0; l < lines->lanes; l++) {
            REAL *const y = (REAL *)to + (lines->bases[l] + k * lines->stride) * lines->parts;
            y[0] = ((const REAL *)re)[k * lines->lanes + l] * factor;
            if (lines->parts == 2)
                y[1] = ((const REAL *)im)[k * lines->lanes + l] * factor;
        }
}

static void NAME(clear)(void *re, void *im, int64_t count, int64_t end, int lanes) {
    for (int64_t i = count * lanes; i < end * lanes; i++)
        ((REAL *)re)[i] = ((REAL *)im)[i] = 0;
}
