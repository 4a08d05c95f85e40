"""DeepDream on any Vulkan device, for NumPy: a thin layer over libreverie, nothing to build.

    import reverie

    with reverie.Dreamer() as dreamer:
        dreamed = dreamer.dream(photo, layers="mixed3,mixed5=0.5", iterations=20)

Pictures are arrays [height, width, 3]: uint8, or floats from 0 to 1 in the sRGB encoding, as files
hold them. What comes back is of the same kind. Parameters are those of the command line, with
underscores (`octave_scale`); options() lists them with their ranges, presets() the presets.

The library is $REVERIE_LIBRARY, else the one in build/ of the source tree that this file lies in,
else the system's. Whatever it refuses raises reverie.Error.
"""
import ctypes
import ctypes.util
import enum
import os
import pathlib
import threading
import weakref
from ctypes import (CFUNCTYPE, POINTER, Structure, byref, c_bool, c_char, c_char_p, c_double,
                    c_float, c_int, c_int32, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p)

import numpy

__all__ = ["Dreamer", "Error", "Live", "Session", "Status", "devices", "dream", "estimate", "layers",
           "options", "presets", "version"]
VERSION = "0.1.0"  # of the header that this file follows


class Status(enum.IntEnum):
    """What can be done about an error: see enum rv_status in the header."""
    OK = 0
    USAGE = 1
    INPUT = 2
    IO = 3
    WEIGHTS = 4
    NO_MEMORY = 5
    NO_DEVICE = 6
    DEVICE_LOST = 7
    NUMERIC = 8
    CANCELLED = 9


class Error(Exception):
    """What the library refused. `status` is a Status, `text` says what was wrong and what to do."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status, self.text = Status(status), text


# -------------------------------------------------------------------------------------------------
# The header's structs. tests/python/structs compares them with the header.

class _Picture(Structure):
    _fields_ = [("width", c_uint32), ("height", c_uint32), ("pixels", POINTER(c_float))]


class _ProfileInfo(Structure):
    _fields_ = [("name", c_char_p), ("available", c_bool), ("reason", c_char * 96)]


class _DeviceInfo(Structure):
    _fields_ = [("index", c_uint32), ("name", c_char * 256), ("driver", c_char * 256),
                ("type", c_int), ("uuid", c_uint8 * 16), ("vendor_id", c_uint32),
                ("device_id", c_uint32), ("api_version", c_uint32), ("memory_bytes", c_uint64),
                ("memory_free_bytes", c_uint64), ("subgroup_size", c_uint32), ("fp16", c_bool),
                ("usable", c_bool), ("profile", c_char * 16), ("profiles", _ProfileInfo * 4),
                ("reason", c_char * 256)]


class _ContextParams(Structure):
    _fields_ = [("size", c_size_t), ("device", c_char_p), ("cache_dir", c_char_p),
                ("log", c_void_p), ("log_user", c_void_p), ("validate", c_bool),
                ("memory_bytes", c_uint64), ("profile", c_char_p), ("no_tune", c_bool)]


class _LayerInfo(Structure):
    _fields_ = [("name", c_char_p), ("torchvision", c_char_p), ("channels", c_uint32),
                ("stride", c_uint32), ("block", c_uint32), ("is_block", c_bool)]


class _Params(Structure):
    _fields_ = [("size", c_size_t), ("preset", c_char * 32), ("layers", c_char * 480),
                ("objective", c_int), ("octaves", c_uint32), ("octave_scale", c_float),
                ("iterations", c_uint32), ("step", c_float), ("jitter", c_int32),
                ("border", c_int32), ("normalize", c_int), ("pyramid", c_int), ("resize", c_int),
                ("clip", c_int), ("max_loss", c_float), ("seed", c_uint64), ("precision", c_int),
                ("mask", POINTER(_Picture)), ("guide", POINTER(_Picture)),
                ("style", POINTER(_Picture)), ("guide_match", c_int),
                ("style_layers", c_char * 160), ("content_layers", c_char * 160),
                ("style_weight", c_float), ("content_weight", c_float),
                ("dream_weight", c_float), ("start", c_int), ("optimizer", c_int),
                ("schedule", c_int), ("smooth", c_float), ("laplacian", c_int32),
                ("tv", c_float), ("pull", c_float), ("flips", c_int), ("strength", c_float),
                ("max_strength", c_float), ("blend", c_float), ("colors", c_int),
                ("stretch", c_float), ("octave_sizes", c_char * 128), ("min_size", c_uint32)]


class _Option(Structure):
    _fields_ = [("name", c_char_p), ("value", c_char_p), ("type", c_int), ("minimum", c_double),
                ("maximum", c_double), ("choices", POINTER(c_char_p)), ("unit", c_char_p),
                ("help", c_char_p)]


class _Preset(Structure):
    _fields_ = [("name", c_char_p), ("help", c_char_p), ("params", _Params)]


class _Progress(Structure):
    _fields_ = [("fraction", c_double), ("octave", c_uint32), ("octaves", c_uint32),
                ("iteration", c_uint32), ("iterations", c_uint32), ("width", c_uint32),
                ("height", c_uint32), ("loss", c_float), ("seconds", c_double),
                ("seconds_left", c_double), ("finished", c_bool)]


class _DreamStats(Structure):
    _fields_ = [("device_bytes", c_uint64), ("arena_bytes", c_uint64), ("flops", c_double),
                ("seconds", c_double), ("step_seconds", c_double), ("start_seconds", c_double),
                ("loss", c_float), ("tiles", c_uint32)]


class _Estimate(Structure):
    _fields_ = [("device_bytes", c_uint64), ("arena_bytes", c_uint64),
                ("weights_bytes", c_uint64), ("flops", c_double), ("steps", c_uint32)]


class _AdvanceParams(Structure):
    _fields_ = [("size", c_size_t), ("flops", c_double), ("seconds", c_double),
                ("no_wait", c_bool)]


class _Array(Structure):
    _fields_ = [("height", c_uint32), ("width", c_uint32), ("channels", c_uint32),
                ("data", POINTER(c_float))]


class _ProbeParams(Structure):
    _fields_ = [("size", c_size_t), ("layers", c_char_p), ("objective", c_int),
                ("border", c_uint32), ("jitter_x", c_int32), ("jitter_y", c_int32),
                ("activations", POINTER(c_char_p)), ("activation_count", c_uint32),
                ("precision", c_int)]


class _ProbeResult(Structure):
    _fields_ = [("loss", c_double), ("gradient", _Array), ("activations", _Array * 16)]


class _Frame(Structure):
    _fields_ = [("width", c_uint32), ("height", c_uint32), ("stride", c_size_t),
                ("pixels", POINTER(c_uint8))]


class _LiveParams(Structure):
    _fields_ = [("size", c_size_t), ("steps", c_uint32), ("most_steps", c_uint32),
                ("rate", c_float), ("size_limit", c_uint32), ("decay", c_float),
                ("decay_moving", c_float), ("strength", c_float), ("no_flow", c_bool),
                ("scene_cut", c_float)]


class _LiveStats(Structure):
    _fields_ = [("frame", c_uint64), ("steps", c_uint32), ("octave", c_uint32),
                ("octaves", c_uint32), ("width", c_uint32), ("height", c_uint32),
                ("octave_width", c_uint32), ("octave_height", c_uint32), ("reset", c_bool),
                ("scene_cut", c_bool), ("stuck", c_bool), ("loss", c_float), ("flow", c_float),
                ("occluded", c_float), ("upload_ms", c_float), ("flow_ms", c_float),
                ("steps_ms", c_float), ("output_ms", c_float), ("total_ms", c_float)]


_PROGRESS = CFUNCTYPE(c_bool, c_void_p, POINTER(_Progress))
_DEVICE_TYPES = ["other", "discrete", "integrated", "virtual", "cpu"]


# -------------------------------------------------------------------------------------------------
# The library

def _open():
    chosen = os.environ.get("REVERIE_LIBRARY")
    built = pathlib.Path(__file__).resolve().parents[2] / "build/src/libreverie.so"
    path = chosen or (str(built) if built.exists() else ctypes.util.find_library("reverie"))
    if not path:
        raise ImportError("there is no libreverie: name it with REVERIE_LIBRARY, build it in "
                          "build/, or install it")
    try:
        library = ctypes.CDLL(path)
        library.rv_version.restype = c_char_p
    except (OSError, AttributeError) as error:
        raise ImportError("%s is no libreverie: %s" % (path, error)) from None
    found = library.rv_version().decode()
    if found.split(".")[:2] != VERSION.split(".")[:2]:
        raise ImportError("%s is version %s, reverie.py follows %s: use those of one release"
                          % (path, found, VERSION))
    return library


_library = _open()


def _declare(name, result, *arguments):
    function = getattr(_library, name)
    function.restype, function.argtypes = result, arguments


_declare("rv_error_text", c_char_p)
_declare("rv_devices", c_int, POINTER(_DeviceInfo), POINTER(c_uint32))
_declare("rv_context_create", c_int, POINTER(_ContextParams), POINTER(c_void_p))
_declare("rv_context_destroy", None, POINTER(c_void_p))
_declare("rv_context_device", POINTER(_DeviceInfo), c_void_p)
_declare("rv_weights_load", c_int, c_char_p, POINTER(c_void_p))
_declare("rv_weights_random", c_int, c_uint64, POINTER(c_void_p))
_declare("rv_weights_destroy", None, POINTER(c_void_p))
_declare("rv_weights_depth", c_char_p, c_void_p)
_declare("rv_layers", POINTER(_LayerInfo), POINTER(c_uint32))
_declare("rv_options", POINTER(_Option), POINTER(c_uint32))
_declare("rv_presets", POINTER(_Preset), POINTER(c_uint32))
_declare("rv_params_set", c_int, POINTER(_Params), c_char_p, c_char_p)
_declare("rv_params_get", c_int, POINTER(_Params), c_char_p, c_char_p, c_size_t)
_declare("rv_params_resolve", c_int, POINTER(_Params), POINTER(_Params))
_declare("rv_dream", c_int, c_void_p, c_void_p, POINTER(_Picture), POINTER(_Params), _PROGRESS,
         c_void_p, POINTER(_Picture), POINTER(_DreamStats))
_declare("rv_dream_estimate", c_int, c_uint32, c_uint32, POINTER(_Params), POINTER(_Estimate))
_declare("rv_session_begin", c_int, c_void_p, c_void_p, POINTER(_Picture), POINTER(_Params),
         POINTER(c_void_p))
_declare("rv_session_advance", c_int, c_void_p, POINTER(_AdvanceParams), POINTER(_Progress))
_declare("rv_session_picture", c_int, c_void_p, POINTER(_Picture))
_declare("rv_session_change", c_int, c_void_p, POINTER(_Params))
_declare("rv_session_seek", c_int, c_void_p, c_uint32)
_declare("rv_session_params", None, c_void_p, POINTER(_Params))
_declare("rv_session_stats", None, c_void_p, POINTER(_DreamStats))
_declare("rv_session_end", None, POINTER(c_void_p))
_declare("rv_live_begin", c_int, c_void_p, c_void_p, c_uint32, c_uint32, POINTER(_Params),
         POINTER(_LiveParams), POINTER(c_void_p))
_declare("rv_live_frame", c_int, c_void_p, POINTER(_Frame), POINTER(_Frame), POINTER(_LiveStats))
_declare("rv_live_change", c_int, c_void_p, POINTER(_Params), POINTER(_LiveParams))
_declare("rv_live_reset", None, c_void_p)
_declare("rv_live_end", None, POINTER(c_void_p))
_declare("rv_picture_free", None, POINTER(_Picture))
_declare("rv_probe", c_int, c_void_p, c_void_p, POINTER(_Picture), POINTER(_ProbeParams),
         POINTER(_ProbeResult))
_declare("rv_probe_free", None, POINTER(_ProbeResult))


def _check(status):
    if status != Status.OK:
        raise Error(status, _library.rv_error_text().decode())


def _encode(text):
    return None if text is None else os.fsencode(text)


def _plain(value):
    """A C value as Python has it; structs become dictionaries."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, Structure):
        return {name: _plain(getattr(value, name)) for name, _ in value._fields_}
    if isinstance(value, ctypes.Array):
        return [_plain(element) for element in value]
    return value


def _list(function):
    count = c_uint32()
    return function(byref(count))[:count.value]


# -------------------------------------------------------------------------------------------------
# What there is

def version():
    """The library's version, "major.minor.patch"."""
    return _library.rv_version().decode()


def _device(info):
    device = _plain(info)
    device["type"] = _DEVICE_TYPES[info.type]
    device["uuid"] = bytes(info.uuid).hex()
    return device


def devices():
    """The Vulkan devices: a list of dictionaries with the fields of struct rv_device_info."""
    count = c_uint32(16)
    found = (_DeviceInfo * count.value)()
    _check(_library.rv_devices(found, byref(count)))
    return [_device(info) for info in found[:min(count.value, len(found))]]


def layers():
    """The layers that can be named: dictionaries with `name`, `torchvision`, `channels`, `stride`
    (pixels to a position), `block` and `is_block`."""
    return [_plain(layer) for layer in _list(_library.rv_layers)]


def options():
    """The parameters of dream(): a dictionary by name, each with `type` (str, int, float, or
    numpy.ndarray for a picture), `minimum`, `maximum`, `choices` (or None), `unit` and `help`."""
    types = [str, int, float, str, numpy.ndarray]
    table = {}
    for option in _list(_library.rv_options):
        choices = []
        while option.choices and option.choices[len(choices)]:
            choices.append(option.choices[len(choices)].decode())
        table[option.name.decode().replace("-", "_")] = {
            "type": types[option.type], "minimum": option.minimum, "maximum": option.maximum,
            "choices": choices or None, "unit": option.unit.decode(),
            "help": option.help.decode()}
    return table


def presets():
    """The presets by name, the default first; each a dictionary of parameters."""
    return {preset.name.decode(): _values(preset.params)
            for preset in _list(_library.rv_presets)}


def _values(params):
    """The fields of a struct rv_params by name; what is off is 0, what is never or no picture is
    None, and a picture is what it can be known by."""
    values, text = {}, ctypes.create_string_buffer(512)
    for name, option in options().items():
        _check(_library.rv_params_get(byref(params), name.replace("_", "-").encode(), text,
                                      len(text)))
        value = text.value.decode()
        read = str if option["type"] is numpy.ndarray else option["type"]
        values[name] = None if value in ("", "never") else read(value)
    return values


def _text(name, value):
    """A parameter as the command line has it: None leaves it to the preset."""
    if value is None:
        return ""
    if name.endswith("layers") and isinstance(value, dict):
        return ",".join("%s=%s" % pair for pair in value.items())
    if name.endswith("layers") and not isinstance(value, str):
        return ",".join(value)
    return str(value)


_PICTURES = ("mask", "guide", "style")


def _params(keywords):
    params, resolved = _Params(size=ctypes.sizeof(_Params)), _Params()
    resolved.kept = []  # the pictures: the structs only point to them
    for name, value in keywords.items():
        if name in _PICTURES:
            if value is not None:
                picture, pixels = _picture(value)
                setattr(params, name, ctypes.pointer(picture))
                resolved.kept += [picture, pixels]
            continue
        _check(_library.rv_params_set(byref(params), name.replace("_", "-").encode(),
                                      _text(name, value).encode()))
    _check(_library.rv_params_resolve(byref(params), byref(resolved)))
    return resolved


def _choice(name, value):
    """The number of a choice in the header's enum; 0 leaves it to the library."""
    return getattr(_params({name: value}), name) if value else 0


# -------------------------------------------------------------------------------------------------
# Dreaming

def _picture(image):
    """The struct of an image, and the array that it points into."""
    pixels = numpy.asarray(image)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError("a picture is an array [height, width, 3], not %s" % (pixels.shape,))
    if pixels.dtype == numpy.uint8:
        pixels = pixels / numpy.float32(255)
    elif not numpy.issubdtype(pixels.dtype, numpy.floating):
        raise TypeError("a picture is of uint8 or of floats, not of %s" % pixels.dtype)
    pixels = numpy.ascontiguousarray(pixels, dtype=numpy.float32)
    return _Picture(pixels.shape[1], pixels.shape[0],
                    pixels.ctypes.data_as(POINTER(c_float))), pixels


def _copied(data, shape):
    return numpy.ctypeslib.as_array(data, shape).copy() if data else None


def _taken(picture, as_bytes):
    """The array of a picture that the library has made, which is freed; None if there is none."""
    pixels = _copied(picture.pixels, (picture.height, picture.width, 3))
    _library.rv_picture_free(byref(picture))
    if as_bytes and pixels is not None:
        pixels = (pixels.clip(0, 1) * 255 + 0.5).astype(numpy.uint8)
    return pixels


def _is_bytes(image):
    return numpy.asarray(image).dtype == numpy.uint8


class _Listener:
    """Hands progress to a Python function. What that raises must not pass through C: it stops the
    dream and is raised after it."""

    def __init__(self, progress):
        self.progress, self.raised = progress, None
        self.function = _PROGRESS(self.listen) if progress else _PROGRESS()

    def listen(self, _, progress):
        try:
            return self.progress(_plain(progress.contents)) is not False
        except BaseException as error:  # Ctrl-C, too
            self.raised = error
            return False


def _destroy(context, weights):
    _library.rv_context_destroy(byref(context))
    _library.rv_weights_destroy(byref(weights))


class Dreamer:
    """A device and the network's weights, in a `with` statement or until closed.

    device    index, UUID or part of a name of one of devices(); None is the best, "cpu" a processor
    weights   path of a file; None is the default one; an int is the seed of random weights, for
              tests of layers that the default weights lack
    memory    bytes of device memory to keep to; larger pictures are dreamed in tiles
    cache_dir, profile, no_tune, validate: as in struct rv_context_params

    `device` is the entry of devices() in use, `depth` the deepest layer that the weights reach, and
    `stats` what is known of the last dream (seconds, flops, loss, device_bytes, ...). Threads may
    share a Dreamer: their dreams wait for each other.
    """

    def __init__(self, device=None, weights=None, *, memory=0, cache_dir=None, profile=None,
                 no_tune=False, validate=False):
        self._context, self._weights, self._lock = c_void_p(), c_void_p(), threading.Lock()
        self._sessions = weakref.WeakSet()
        self._finalizer = weakref.finalize(self, _destroy, self._context, self._weights)
        self.stats = None
        params = _ContextParams(
            size=ctypes.sizeof(_ContextParams), cache_dir=_encode(cache_dir), memory_bytes=memory,
            device=None if device is None else str(device).encode(), no_tune=no_tune,
            validate=validate, profile=_encode(profile))
        try:
            if isinstance(weights, int):
                _check(_library.rv_weights_random(weights, byref(self._weights)))
            else:
                _check(_library.rv_weights_load(_encode(weights), byref(self._weights)))
            _check(_library.rv_context_create(byref(params), byref(self._context)))
        except Error:
            self.close()
            raise
        self.device = _device(_library.rv_context_device(self._context).contents)
        self.depth = _library.rv_weights_depth(self._weights).decode()

    def close(self):
        """Gives device and memory back. Closing twice does no harm."""
        with self._lock:
            for session in list(self._sessions):
                session._finalizer()
            self._finalizer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _need_open(self):
        if not self._finalizer.alive:
            raise ValueError("this Dreamer is closed")

    def dream(self, image, progress=None, **parameters):
        """Dreams on a picture and returns the result, of the same size and kind.

        parameters  see options(); what is not given, or None, is the preset's. `layers` may be a
                    string ("mixed3,mixed5=0.5"), a list of names, or a dictionary of weights
        progress    called after every step with a dictionary (fraction, octave, octaves, iteration,
                    iterations, width, height, loss, seconds, seconds_left, finished). If it returns
                    False, the dream ends and the picture so far is returned
        """
        params, listener = _params(parameters), _Listener(progress)
        picture, _pixels = _picture(image)
        dreamed, stats = _Picture(), _DreamStats()
        with self._lock:
            self._need_open()
            status = _library.rv_dream(self._context, self._weights, byref(picture), byref(params),
                                       listener.function, None, byref(dreamed), byref(stats))
        result = _taken(dreamed, _is_bytes(image))
        if listener.raised:
            raise listener.raised
        if status != Status.CANCELLED:
            _check(status)
        self.stats = _plain(stats)
        return result

    def session(self, image, **parameters):
        """Begins a dream that is taken step by step, see Session."""
        return Session(self, image, parameters)

    def live(self, width, height, **parameters):
        """Begins to dream on the frames of a camera, see Live."""
        return Live(self, width, height, parameters)

    def probe(self, image, layers="mixed3,mixed5", *, objective=None, border=0, jitter=(0, 0),
              activations=(), precision=None):
        """Runs the network once, on the picture scaled to [-1, 1].

        Returns a dictionary: `loss`, `gradient` of the loss with respect to that input, and
        `activations`, a dictionary of arrays [height, width, channels] by the names asked for.
        """
        if len(activations) > 16:
            raise ValueError("at most 16 activations in one probe")
        names = (c_char_p * 16)(*[name.encode() for name in activations])
        params = _ProbeParams(
            size=ctypes.sizeof(_ProbeParams), layers=_text("layers", layers).encode(),
            objective=_choice("objective", objective), border=border, jitter_x=jitter[0],
            jitter_y=jitter[1], activations=names, activation_count=len(activations),
            precision=_choice("precision", precision))
        picture, _pixels = _picture(image)
        result = _ProbeResult()
        with self._lock:
            self._need_open()
            status = _library.rv_probe(self._context, self._weights, byref(picture),
                                       byref(params), byref(result))
        _check(status)
        arrays = [_copied(array.data, (array.height, array.width, array.channels))
                  for array in (result.gradient, *result.activations[:len(activations)])]
        _library.rv_probe_free(byref(result))
        return {"loss": result.loss, "gradient": arrays[0],
                "activations": dict(zip(activations, arrays[1:]))}


def _end(session):
    _library.rv_session_end(byref(session))


class Session:
    """A dream taken step by step, from Dreamer.session: to show what grows, and to change it.

        with dreamer.session(photo, layers="mixed4") as session:
            for progress in session:
                show(session.picture())

    It ends with the `with` statement, with close(), or with its Dreamer.
    """

    def __init__(self, dreamer, image, parameters):
        self._dreamer, self._parameters, self._handle = dreamer, parameters, c_void_p()
        self._as_bytes = _is_bytes(image)
        picture, _pixels = _picture(image)
        params = _params(parameters)
        with dreamer._lock:
            dreamer._need_open()
            _check(_library.rv_session_begin(dreamer._context, dreamer._weights, byref(picture),
                                             byref(params), byref(self._handle)))
            self._finalizer = weakref.finalize(self, _end, self._handle)
            dreamer._sessions.add(self)

    def close(self):
        """Ends the dream, at any moment. Closing twice does no harm."""
        with self._dreamer._lock:
            self._finalizer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __iter__(self):
        """Goes on until the dream is finished; gives progress after every step."""
        while True:
            progress = self.advance()
            yield progress
            if progress["finished"]:
                return

    def _call(self, function, *arguments):
        with self._dreamer._lock:
            if not self._finalizer.alive:
                raise ValueError("this session has ended")
            return function(self._handle, *arguments)

    def advance(self, seconds=0):
        """Goes on by one step, or for about so many seconds; returns progress as for dream()."""
        params = _AdvanceParams(size=ctypes.sizeof(_AdvanceParams), seconds=seconds)
        progress = _Progress()
        _check(self._call(_library.rv_session_advance, byref(params), byref(progress)))
        return _plain(progress)

    def picture(self):
        """The picture as it stands, of the size and kind of the one that was given. Steps that are
        under way are waited for, so that it may be ahead of progress."""
        picture = _Picture()
        _check(self._call(_library.rv_session_picture, byref(picture)))
        return _taken(picture, self._as_bytes)

    def change(self, **parameters):
        """Changes these parameters from the next step on; those of the sizes stay as they are
        (octaves, octave_scale, pyramid, resize)."""
        changed = dict(self._parameters, **parameters)
        _check(self._call(_library.rv_session_change, byref(_params(changed))))
        self._parameters = changed

    def seek(self, octave):
        """Goes on at the first step of that octave, from 1, with the picture as it stands."""
        _check(self._call(_library.rv_session_seek, octave))

    @property
    def parameters(self):
        """All parameters, presets filled in."""
        params = _Params()
        self._call(_library.rv_session_params, byref(params))
        return _values(params)

    @property
    def stats(self):
        """What is known of the dream so far, as Dreamer.stats."""
        stats = _DreamStats()
        self._call(_library.rv_session_stats, byref(stats))
        return _plain(stats)


def _end_live(handle):
    _library.rv_live_end(byref(handle))


def _live_params(keywords):
    """Takes the fields of struct rv_live_params out of the keywords; 0 is off, None the default."""
    params = _LiveParams(size=ctypes.sizeof(_LiveParams))
    for name, _ in _LiveParams._fields_[1:]:
        value = keywords.pop(name, None)
        if value is not None:
            off = value == 0 and name in ("decay", "decay_moving", "strength", "scene_cut")
            setattr(params, name, -1 if off else value)
    return params


class Live:
    """A dream on the frames of a camera, from Dreamer.live.

        with dreamer.live(640, 480, rate=30, layers="mixed4") as live:
            while True:
                show(live.frame(camera.read()))

    Besides the parameters of dream() it takes `steps`, `most_steps`, `rate`, `size_limit`, `decay`,
    `decay_moving`, `strength`, `no_flow` and `scene_cut` of struct rv_live_params, where 0 turns
    off what can be off. `stats` is what is known of the last frame. It ends with the `with`
    statement, with close(), or with its Dreamer.
    """

    def __init__(self, dreamer, width, height, parameters):
        self._dreamer, self._parameters, self._handle = dreamer, parameters, c_void_p()
        self.stats = None
        keywords = dict(parameters)
        live_params = _live_params(keywords)
        params = _params(keywords)
        with dreamer._lock:
            dreamer._need_open()
            _check(_library.rv_live_begin(dreamer._context, dreamer._weights, width, height,
                                          byref(params), byref(live_params), byref(self._handle)))
            self._finalizer = weakref.finalize(self, _end_live, self._handle)
            dreamer._sessions.add(self)

    def close(self):
        """Ends the dream, at any moment. Closing twice does no harm."""
        with self._dreamer._lock:
            self._finalizer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _call(self, function, *arguments):
        with self._dreamer._lock:
            if not self._finalizer.alive:
                raise ValueError("this live dream has ended")
            return function(self._handle, *arguments)

    def frame(self, image):
        """Dreams on a frame, an array [height, width, 3 or 4] of uint8; returns one like it."""
        image = numpy.asarray(image)
        if image.dtype != numpy.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4):
            raise ValueError("a frame is an array [height, width, 3 or 4] of uint8, not %s of %s"
                             % (image.shape, image.dtype))
        pixels = numpy.full(image.shape[:2] + (4,), 255, numpy.uint8)
        pixels[..., :image.shape[2]] = image
        frame = _Frame(image.shape[1], image.shape[0], 0,
                       pixels.ctypes.data_as(POINTER(c_uint8)))
        stats = _LiveStats()
        _check(self._call(_library.rv_live_frame, byref(frame), byref(frame), byref(stats)))
        self.stats = _plain(stats)
        return pixels[..., :image.shape[2]]

    def change(self, **parameters):
        """Changes these parameters from the next frame on."""
        changed = dict(self._parameters, **parameters)
        keywords = dict(changed)
        live_params = _live_params(keywords)
        _check(self._call(_library.rv_live_change, byref(_params(keywords)), byref(live_params)))
        self._parameters = changed

    def reset(self):
        """Forgets what was dreamed: the next frame begins anew."""
        self._call(_library.rv_live_reset)


def estimate(width, height, **parameters):
    """What a dream on a picture of that size will take: device_bytes, arena_bytes, weights_bytes,
    flops, steps. Needs no device."""
    found = _Estimate()
    _check(_library.rv_dream_estimate(width, height, byref(_params(parameters)), byref(found)))
    return _plain(found)


def dream(image, progress=None, **parameters):
    """Dreams once on the best device with the default weights: see Dreamer.dream."""
    with Dreamer() as dreamer:
        return dreamer.dream(image, progress, **parameters)
