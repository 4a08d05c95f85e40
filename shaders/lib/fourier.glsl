// One step of decimation: of a side n that R divides, values at y, y + n / R, y + 2 n / R ... all
// follow from the R sums over frequencies k = 0, 1, ... R - 1 modulo R at y alone, since
// e^(2 pi i k j / R) depends on k modulo R only. So an invocation makes R of them at the price of one.
layout(local_size_x = 64) in;

layout(constant_id = RV_FOURIER_SPEC_RADIX) const uint R = 8u;

layout(push_constant) uniform Push {
    rv_fourier_push push;
};
layout(set = 0, binding = RV_FOURIER_TARGET) writeonly buffer Target {
    vec4 target[];
};
layout(set = 0, binding = RV_FOURIER_SOURCE) readonly buffer Source {
    vec4 source[];
};
layout(set = 0, binding = RV_FOURIER_TABLE) readonly buffer Table {
    vec2 table[]; // of the side
};

vec4 real[RV_FOURIER_RADIX_MAX], imaginary[RV_FOURIER_RADIX_MAX]; // the R sums

void clear() {
    [[unroll]] for (uint r = 0u; r < R; r++)
        real[r] = imaginary[r] = vec4(0);
}

// Adds (a + i b) e^(i angle) to sum r.
void add(uint r, vec4 a, vec4 b, vec2 turn) {
    real[r] += a * turn.x - b * turn.y;
    imaginary[r] += b * turn.x + a * turn.y;
}

// The next angle, in parts of a turn's n.
uint next(uint angle, uint step, uint n) {
    angle += step;
    return angle - (angle >= n ? n : 0u);
}

// Value j of the R: the sums, each turned by sign * j r / R of a whole turn.
void gather(uint j, float sign, uint n, out vec4 a, out vec4 b) {
    a = b = vec4(0);
    [[unroll]] for (uint r = 0u; r < R; r++) {
        vec2 turn = table[r * j % R * (n / R)];
        turn.y *= sign;
        a += real[r] * turn.x - imaginary[r] * turn.y;
        b += imaginary[r] * turn.x + real[r] * turn.y;
    }
}
