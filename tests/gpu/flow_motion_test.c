// The flow of known motions, what it takes for covered, and when it takes a frame for another
// scene.
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "formats/picture.h"
#include "support/device.h"
#include "support/flow_rig.h"

// ------------------------------------------------------------------------------------------------
// Known motions

static struct rv_photo load_photo(void) {
    struct rv_photo photo;
    cr_assert_eq(rv_photo_load(RV_TEST_FOLDER "/golden/photo.png", 0, &photo), RV_OK, "%s",
                 rv_error_text());
    return photo;
}

// Catmull and Rom's cubic.
static double cubic(double x) {
    x = fabs(x);
    return x < 1   ? 1.5 * x * x * x - 2.5 * x * x + 1
           : x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2
                   : 0;
}

static double photo_at(const struct rv_picture *photo, double x, double y, uint32_t c) {
    int32_t left = (int32_t)floor(x) - 1, top = (int32_t)floor(y) - 1;
    double sum = 0;
    for (int32_t i = 0; i < 16; i++) {
        int32_t column = left + i % 4, row = top + i / 4;
        double weight = cubic(x - column) * cubic(y - row);
        column = column < 0                        ? 0
                 : column >= (int32_t)photo->width ? (int32_t)photo->width - 1
                                                   : column;
        row = row < 0 ? 0 : row >= (int32_t)photo->height ? (int32_t)photo->height - 1 : row;
        sum +=
            weight * (double)photo->pixels[((size_t)row * photo->width + (size_t)column) * 3 + c];
    }
    return sum;
}

// Pixel p of the frame shows the photograph's centre + turned, enlarged and shifted p - the
// frame's centre.
struct view {
    double x, y, angle, zoom; // pixels, degrees, factor
};

static void view_at(const struct view *view, double x, double y, double *to_x, double *to_y) {
    double c = cos(view->angle * acos(-1) / 180) * view->zoom;
    double s = sin(view->angle * acos(-1) / 180) * view->zoom;
    *to_x = c * x - s * y + view->x;
    *to_y = s * x + c * y + view->y;
}

static double *look(const struct rv_picture *photo, const struct view *view, uint32_t height,
                    uint32_t width) {
    double *values = malloc((size_t)height * width * 3 * sizeof *values), u, v;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++) {
                view_at(view, x - (width - 1) / 2.0, y - (height - 1) / 2.0, &u, &v);
                double value =
                    photo_at(photo, u + (photo->width - 1) / 2.0, v + (photo->height - 1) / 2.0, c);
                value = round(255 * fmin(fmax(value, 0), 1)) / 127.5 - 1; // as a camera's
                values[((size_t)y * width + x) * 3 + c] = (float)value;
            }
    return values;
}

#define BORDER 12

// Mean distance of the flow back from the truth, away from the border, in pixels of the frame.
static double end_point_error(const struct rv_flow_rig *rig, const struct view *view,
                              double *worst) {
    double ratio = 1u << rig->plan.finest, sum = 0, u, v;
    double height = rig->plan.size[0].height, width = rig->plan.size[0].width;
    size_t count = 0;
    *worst = 0;
    for (uint32_t i = 0; i < rig->flow_height * rig->flow_width; i++) {
        double x = (i % rig->flow_width + 0.5) * ratio - 0.5;
        double y = (double)(i / rig->flow_width) * ratio + 0.5 * ratio - 0.5;
        if (x < BORDER || y < BORDER || x > width - 1 - BORDER || y > height - 1 - BORDER)
            continue;
        view_at(view, x - (width - 1) / 2, y - (height - 1) / 2, &u, &v);
        u += (width - 1) / 2 - x;
        v += (height - 1) / 2 - y;
        double error = hypot(ratio * (double)rv_flow_rig_motion(rig, i)[0] - u,
                             ratio * (double)rv_flow_rig_motion(rig, i)[1] - v);
        sum += error;
        *worst = fmax(*worst, error);
        count++;
    }
    return sum / (double)count;
}

static const struct motion_case {
    const char *name;
    struct view view;  // of the second frame; the first has none
    double full, half; // most that the mean error may be, with flow at full and at half the size
} motions[] = {
    {"still", {0, 0, 0, 1}, 0.01, 0.01},
    {"half a pixel", {0.5, 0, 0, 1}, 0.15, 0.2},
    {"1.5 right, 0.5 down", {-1.5, -0.5, 0, 1}, 0.15, 0.2},
    {"3 left, 2 down", {3, -2, 0, 1}, 0.15, 0.2},
    {"6 right", {-6, 0, 0, 1}, 0.15, 0.2},
    {"4 right, 4.5 up", {-4, 4.5, 0, 1}, 0.15, 0.2},
    {"turned by 2 degrees", {0, 0, 2, 1}, 0.2, 0.3},
    {"nearer by 3 percent", {0, 0, 0, 1 / 1.03}, 0.2, 0.3},
    {"turned, nearer, moved", {2, 1, -1.5, 1 / 1.02}, 0.2, 0.3},
};

Test(flow, known_motions) {
    const uint32_t height = 105, width = 132;
    rv_context *context = rv_test_context();
    struct rv_photo photo = load_photo();
    struct view none = {.zoom = 1};
    double *before = look(&photo.picture, &none, height, width);
    for (size_t i = 0; i < sizeof motions / sizeof *motions; i++) {
        const struct motion_case *c = &motions[i];
        double *now = look(&photo.picture, &c->view, height, width), mean[2], worst[2], covered[2];
        for (int half = 0; half < 2; half++) {
            struct rv_flow_rig rig =
                rv_flow_rig_begin(context->device, height, width, half ? 70 : 640, before, now);
            rv_flow_rig_run(&rig);
            mean[half] = end_point_error(&rig, &c->view, &worst[half]);
            covered[half] = (double)rv_flow_rig_carry(&rig)->occluded;
            rv_flow_rig_end(&rig);
        }
        fprintf(stderr,
                "%s: mean end-point error %.3f (worst %.2f) pixels, at half the size %.3f (%.2f); "
                "%.1f and %.1f %% not explained\n",
                c->name, mean[0], worst[0], mean[1], worst[1], 100 * covered[0], 100 * covered[1]);
        cr_expect(mean[0] <= c->full, "%s: %.3f", c->name, mean[0]);
        cr_expect(mean[1] <= c->half, "%s, at half the size: %.3f", c->name, mean[1]);
        cr_expect(covered[0] < 0.12 && covered[1] < 0.12);
        free(now);
    }
    free(before);
    rv_photo_free(&photo);
    rv_test_context_end(&context);
}

// ------------------------------------------------------------------------------------------------
// What is covered, and what is another scene

#define SQUARE 30
#define MOVED 6

// The photograph, and a square of another part of it in front.
static double *with_square(const struct rv_picture *photo, uint32_t height, uint32_t width,
                           uint32_t left, uint32_t top) {
    struct view none = {.zoom = 1};
    double *values = look(photo, &none, height, width);
    for (uint32_t y = 0; y < SQUARE; y++)
        for (uint32_t x = 0; x < SQUARE; x++)
            for (uint32_t c = 0; c < 3; c++)
                values[((size_t)(top + y) * width + left + x) * 3 + c] =
                    1 - 2 * (double)photo->pixels[((size_t)y * photo->width + x) * 3 + c];
    return values;
}

Test(flow, covered) {
    const uint32_t height = 100, width = 130, left = 40, top = 35;
    rv_context *context = rv_test_context();
    struct rv_photo photo = load_photo();
    double *before = with_square(&photo.picture, height, width, left, top);
    double *now = with_square(&photo.picture, height, width, left + MOVED, top);
    struct rv_flow_rig rig = rv_flow_rig_begin(context->device, height, width, 640, before, now);
    rv_flow_rig_run(&rig);
    uint32_t uncovered = 0, found = 0, inside = 0, moved = 0, far = 0, far_wrong = 0;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            const float *motion = rv_flow_rig_motion(&rig, (size_t)y * width + x);
            bool row = y >= top && y < top + SQUARE;
            bool near = y + 8 >= top && y < top + SQUARE + 8 && x + 8 >= left &&
                        x < left + MOVED + SQUARE + 8;
            if (row && x >= left && x < left + MOVED) { // what the square left
                uncovered++;
                found += motion[2] == 0;
            } else if (y >= top + 6 && y + 6 < top + SQUARE && x >= left + MOVED + 6 &&
                       x + 6 < left + MOVED + SQUARE) {
                inside++;
                moved +=
                    motion[2] != 0 && fabsf(motion[0] + MOVED) < 0.5f && fabsf(motion[1]) < 0.5f;
            } else if (!near) {
                far++;
                far_wrong += motion[2] == 0 || motion[3] > 0.5f;
            }
        }
    fprintf(stderr,
            "a square of %d moved by %d: of what it left %u of %u are found, within it %u of %u "
            "move with it, of what is far away %u of %u do not stand still\n",
            SQUARE, MOVED, found, uncovered, moved, inside, far_wrong, far);
    cr_expect(found >= uncovered / 2);
    cr_expect(moved >= inside * 8 / 10);
    cr_expect(far_wrong <= far / 100);
    cr_expect_eq(rv_flow_rig_carry(&rig)->cut, 0);
    rv_flow_rig_end(&rig);
    free(before);
    free(now);
    rv_photo_free(&photo);
    rv_test_context_end(&context);
}

static double *upside_down(const double *values, uint32_t height, uint32_t width) {
    double *turned = malloc((size_t)height * width * 3 * sizeof *turned);
    for (size_t i = 0; i < (size_t)height * width * 3; i++)
        turned[(size_t)(height - 1 - i / (width * 3)) * width * 3 + i % (width * 3)] = -values[i];
    return turned;
}

Test(flow, cuts) {
    const uint32_t height = 90, width = 120;
    rv_context *context = rv_test_context();
    struct rv_photo photo = load_photo();
    struct view none = {.zoom = 1}, moved = {.x = 5, .y = -3, .angle = 3, .zoom = 1.05};
    double *a = look(&photo.picture, &none, height, width);
    double *b = look(&photo.picture, &moved, height, width), *c = upside_down(a, height, width);
    double *d = rv_flow_noise(1, (size_t)height * width * 3, 1),
           *black = rv_flow_noise(2, (size_t)height * width * 3, 0);
    double *white = upside_down(black, height, width);
    for (size_t i = 0; i < (size_t)height * width * 3; i++) {
        black[i] = -1;
        white[i] = 1;
    }
    const struct {
        const char *name;
        const double *before, *now;
        bool cut;
    } cases[] = {{"the same", a, a, false},
                 {"moved", a, b, false},
                 {"another picture", a, c, true},
                 {"noise", a, d, true},
                 {"black, then white", black, white, true},
                 {"black", black, black, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int no_flow = 0; no_flow < 2; no_flow++) {
            struct rv_flow_rig rig = rv_flow_rig_begin(context->device, height, width, 640,
                                                       cases[i].before, cases[i].now);
            rig.no_flow = no_flow;
            rv_flow_rig_run(&rig);
            fprintf(stderr, "%s%s: %.1f %% not explained\n", cases[i].name,
                    no_flow ? ", without flow" : "",
                    100 * (double)rv_flow_rig_carry(&rig)->occluded);
            cr_expect(no_flow || (rv_flow_rig_carry(&rig)->cut != 0) == cases[i].cut, "%s",
                      cases[i].name);
            rv_flow_rig_end(&rig);
        }
    }
    free(a);
    free(b);
    free(c);
    free(d);
    free(black);
    free(white);
    rv_photo_free(&photo);
    rv_test_context_end(&context);
}
