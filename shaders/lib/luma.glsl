// Rec. 601 luma, of values encoded as sRGB.
float luma(vec3 c) {
    return dot(c, vec3(0.299, 0.587, 0.114));
}
