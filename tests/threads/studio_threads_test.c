// The studio under ThreadSanitizer: everything that is asked of it at once, from many threads,
// while the dream goes on, is begun again, and its device is lost.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "studio/page.h"
#include "studio/requests.h"

#define THREADS 6
#define ROUNDS 40
#define FILE_TYPE "application/octet-stream"

// No page is asked for.
const struct rv_page_file rv_page_files[] = {{0}};

static struct rv_studio studio;
static uint8_t *png;
static size_t png_size;
static atomic_uint good;

static void *ask(void *user) {
    static const char *const gets[] = {
        "/api/about", "/api/state",          "/api/original",         "/api/picture?small=1",
        "/api/save",  "/api/slot?name=mask", "/api/layer?name=mixed0"};
    static const char *const posts[][2] = {
        {"/api/control", "{\"do\":\"restart\"}"},
        {"/api/change", "{\"parameters\":{\"step\":0.05}}"},
        {"/api/control", "{\"do\":\"pause\"}"},
        {"/api/change", "{\"parameters\":{\"octaves\":1,\"mask\":\"\"}}"},
        {"/api/control", "{\"do\":\"step\"}"},
        {"/api/keep", "{\"id\":0}"},
        {"/api/back", "{\"id\":0}"},
        {"/api/live", "{\"parameters\":{\"steps\":\"2\"},\"end\":3}"},
        {"/api/size", "{\"size\":90}"},
        {"/api/control", "{\"do\":\"go\"}"}};
    static const char *const files[] = {"/api/photo?name=x", "/api/slot?name=mask",
                                        "/api/frame?client=3", "/api/slot?name=guide",
                                        "/api/frame?client=4"};
    unsigned number = *(unsigned *)user;
    for (unsigned round = 0; round < ROUNDS; round++) {
        unsigned at = number * 7 + round;
        good += requests_ask(&studio, "GET", gets[at % 7], NULL, NULL, 0, NULL) == 200;
        good += requests_post(&studio, posts[at % 10][0], posts[at % 10][1]) == 200;
        good += requests_ask(&studio, "POST", files[at % 5], FILE_TYPE, png, png_size, NULL) == 200;
    }
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    png = requests_png(100, 80, &png_size);
    studio = requests_begin();
    requests_ask(&studio, "POST", "/api/photo?name=x", FILE_TYPE, png, png_size, NULL);
    fake_fail(FAKE_ADVANCE, 50, RV_ERR_DEVICE_LOST);
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        if (pthread_create(&threads[i], NULL, ask, &numbers[i]) != 0)
            return 1;
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    requests_end(&studio);
    free(png);
    fprintf(stderr, "%u of %u requests were granted\n", good, THREADS * ROUNDS * 3);
    return good > THREADS * ROUNDS && fake_alive() == 0 ? 0 : 1;
}
