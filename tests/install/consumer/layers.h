#ifdef __cplusplus
extern "C" {
#endif

// The number of layers that dreams can name.
unsigned count_layers(void);

#ifdef __cplusplus
}
#endif
