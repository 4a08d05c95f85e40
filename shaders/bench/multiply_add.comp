#version 450
// What multiply-adds in registers reach: the ceiling that tools/bench compares a step with.
//
// Work   an invocation: `rounds` times REPEATS multiply-adds on each of ACCUMULATORS vec4s, which do
//        not depend on each other; ACCUMULATORS is a macro, and the benchmark keeps the fastest.
//        Everything stays in registers, unrolled: loops and arrays cost on some drivers.
// Result stored only where it is `never`, a value that it cannot have and no compiler can know.
layout(local_size_x = 128) in;

layout(push_constant) uniform Push {
    uint rounds;
    float factor, term, never;
};
layout(set = 0, binding = 0) writeonly buffer Result {
    vec4 result[];
};

#if ACCUMULATORS == 2
#define EACH(F) F(a, 1) F(b, 2)
#elif ACCUMULATORS == 4
#define EACH(F) F(a, 1) F(b, 2) F(c, 3) F(d, 4)
#elif ACCUMULATORS == 3
#define EACH(F) F(a, 1) F(b, 2) F(c, 3)
#else
#error "2, 3 or 4 accumulators"
#endif
// Different values, or the compiler would compute one for all.
#define DECLARE(x, n) vec4 x = vec4(n, n + 10, n + 20, n + 30) + float(gl_LocalInvocationIndex);
#define STEP(x, n) x = x * factor + term;
#define STEPS EACH(STEP)
#define FOUR STEPS STEPS STEPS STEPS
#define SUM(x, n) sum += x;

void main() {
    EACH(DECLARE)
    for (uint i = 0u; i < rounds; i++) {
        FOUR FOUR FOUR FOUR // REPEATS
    }
    vec4 sum = vec4(0);
    EACH(SUM)
    if (sum.x + sum.y + sum.z + sum.w == never)
        result[0] = sum;
}
