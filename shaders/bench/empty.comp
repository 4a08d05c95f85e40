#version 450
// As little as a dispatch can do while the next one depends on it: adds one to a number.
//
// Work   one invocation, one workgroup.
layout(local_size_x = 1) in;

layout(set = 0, binding = 0) buffer Counter {
    uint counter;
};

void main() {
    counter++;
}
