/* Pickles by hand, in zip files: what is read, and what a stranger may make of them. */
#include "tests/support/checkpoint_file.h"
#include "tests/support/support.h"

#include "tools/checkpoint/choose.h"
#include "tools/checkpoint/view.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- pickles ---- */

static void test_pickles(void **state) {
    (void)state;
    ACCEPT_GOOD("}" KEY("a", "\1") GOOD "s", "a", "");
    ACCEPT_GOOD("}\x8a\1\xfe" GOOD "s", "-2", "");
    ACCEPT_GOOD("}J\xfe\xff\xff\xff" GOOD "s", "-2", "");
    ACCEPT_GOOD("}M\xff\xff" GOOD "s", "65535", "");
    ACCEPT_GOOD("}" KEY("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\x09") GOOD "s",
                "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "");
    ACCEPT_GOOD("}N" GOOD "s", "<key 0>", "");
    ACCEPT_GOOD("})" GOOD "s", "<key 0>", "");
    ACCEPT_GOOD("]N"
                "a" GOOD "a",
                "1", "");
    /* Foreign classes in every way that a pickle can make an object of them, with a tensor inside. */
    ACCEPT_GOOD("}" KEY("a", "\1") GOOD "s" KEY("b", "\1") "cos\nsystem\n" GOOD "\x85Rs", "a",
                "opaque\tb\tos.system\n");
    ACCEPT_PICKLE("cposix\nsystem\nX\2\0\0\0ls\x85R", "opaque\t\tposix.system\n");
    ACCEPT_PICKLE("cx\ny\n)\x81}" KEY("a", "\1") GOOD "sb", "opaque\t\tx.y\n");
    ACCEPT_PICKLE("cx\ny\n)}\x92", "opaque\t\tx.y\n");
    ACCEPT_PICKLE("X\1\0\0\0xX\1\0\0\0y\x93)R)R", "opaque\t\tx.y\n");
    ACCEPT_PICKLE("cx\ny\n)R(K\1K\2e(K\1K\2uK\1aK\1K\2s}b(K\1\x90", "opaque\t\tx.y\n");
    ACCEPT_PICKLE("\x8f(K\1\x90", "opaque\t\tset\n");
    ACCEPT_PICKLE("(K\1\x91", "opaque\t\tset\n");
    ACCEPT_PICKLE("ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nctorch\nTensor\n)}tR",
                  "opaque\t\ttorch.Tensor\n");
    ACCEPT_PICKLE("ctorch._utils\n_rebuild_tensor_v3\n(" FLOATS
                  "K\0K\1\x85K\1\x85\x89Nctorch\nint32\n}" KEY("neg", "\3") "\x88stR",
                  "opaque\t\ttensor with conjugated or negated elements\n");
    ACCEPT_PICKLE("cx\ny\n", "");
    ACCEPT_PICKLE("K\1", "");
    ACCEPT_PICKLE("N0(N1]2\x86", "");
    ACCEPT_PICKLE("\x95\2\0\0\0\0\0\0\0N0\x8a\0\x8a\1\xffN\x87", "");
}

static void test_hostile_pickles(void **state) {
    (void)state;
    REFUSE_PICKLE("", "byte 2: the pickle is damaged: it does not end with one value");
    REFUSE_PICKLE("K", "1 bytes expected at byte 4"); /* STOP becomes the number */
    REFUSE_PICKLE("K\1K\1", "does not end with one value");
    REFUSE_PICKLE("(K\1", "does not end with one value");
    REFUSE_PICKLE("I1\n", "byte 2: opcode 0x49");
    REFUSE_PICKLE("\xff", "opcode 0xff");
    REFUSE_PICKLE("\x82\1", "opcode 0x82");
    REFUSE_PICKLE("P0\n", "opcode 0x50");
    REFUSE_PICKLE("(icls\nmod\n", "opcode 0x69");
    REFUSE_PICKLE("\x80\1N", "protocol 1");
    REFUSE_PICKLE("\x80\6N", "protocol 6");
    REFUSE_PICKLE("0", "more values than there are");
    REFUSE_PICKLE("K\1(0", "more values than there are");
    REFUSE_PICKLE("K\1(\x85", "more values than there are");
    REFUSE_PICKLE("2", "more values than there are");
    REFUSE_PICKLE("R", "more values than there are");
    REFUSE_PICKLE("q\0", "more values than there are");
    REFUSE_PICKLE("](a", "more values than there are");
    REFUSE_PICKLE("t", "needs a mark");
    REFUSE_PICKLE("1", "needs a mark");
    REFUSE_PICKLE("(K\1e", "more values than there are");
    REFUSE_PICKLE("(K\1u", "more values than there are");
    REFUSE_PICKLE("h\0", "never put there");
    REFUSE_PICKLE("j\xff\xff\xff\xff", "never put there");
    REFUSE_PICKLE("Nr\xff\xff\xff\xff", "more objects than the limit");
    REFUSE_PICKLE("}K\1(K\1u", "items of a dictionary are given to an integer");
    REFUSE_PICKLE("}(K\1u", "a key without a value");
    REFUSE_PICKLE("(K\1d", "a key without a value");
    REFUSE_PICKLE("}K\1a", "items of a list are given to a dictionary");
    REFUSE_PICKLE("](K\1K\2u", "items of a dictionary are given to a list");
    REFUSE_PICKLE("](K\1\x90", "items of a set");
    REFUSE_PICKLE("K\1}b", "an integer is given attributes");
    REFUSE_PICKLE("cx", "the name of a class does not end");
    REFUSE_PICKLE("cx\ny", "the name of a class does not end");
    REFUSE_PICKLE("K\1K\1\x93", "is no text");
    REFUSE_PICKLE("cx\ny\n]R", "are no tuple");
    REFUSE_PICKLE("X\xff\xff\xff\xff", "4294967295 bytes expected at byte 7");
    REFUSE_PICKLE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615 bytes expected");
    REFUSE_PICKLE("\x8b\xff\xff\xff\xff", "bytes expected");
    REFUSE_PICKLE("\x95\xff\xff\xff\xff\xff\xff\xff\x7fN", "a frame is longer");
    REFUSE_PICKLE("G\0", "8 bytes expected");
}

static void test_storages_that_lie(void **state) {
    (void)state;
    REFUSE_PICKLE("}" KEY("w", "\1")
                      TENSOR(STORAGE_OF("torch", "FloatStorage", "0", "\x07"), "K\0", "K\1\x85", "K\1\x85") "s",
                  "\"a/data/0\" has 24 bytes, the pickle expects 28");
    REFUSE_PICKLE(STORAGE_OF("torch", "DoubleStorage", "0", "\x06"), "has 24 bytes, the pickle expects 48");
    REFUSE_PICKLE(STORAGE_OF("torch", "FloatStorage", "1", "\x06"), "no entry \"a/data/1\"");
    REFUSE_PICKLE("(" FLOATS STORAGE_OF("torch", "HalfStorage", "0", "\x06") "t", "12 bytes here and 24 before");
    REFUSE_PICKLE("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                  "0X\3\0\0\0cpu\x8a\1\xfftQ",
                  "a number of elements");
    REFUSE_PICKLE("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                  "0X\3\0\0\0cpu\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ftQ",
                  "its size is too large");
    REFUSE_PICKLE("(X\7\0\0\0storagectorch\nFloatStorage\nX\2\0\0\0..X\3\0\0\0cpuK\6tQ", "not in the archive");
    REFUSE_PICKLE("(X\7\0\0\0storageNtQ", "as many as torch.save writes");
    REFUSE_PICKLE("NQ", "a tuple is expected");
    REFUSE_PICKLE("(X\1\0\0\0xK\1tQ", "neither a storage nor a module");
}

#define REFUSE_VIEW(OFFSET, SIZE, STRIDES, PART) \
    REFUSE_PICKLE("}" KEY("w.x", "\3") TENSOR(FLOATS, OFFSET, SIZE, STRIDES) "s", PART)

static void test_views_that_leave_their_storage(void **state) {
    (void)state;
    REFUSE_VIEW("K\1", "K\2K\3\x86", "K\3K\1\x86", "tensor \"w.x\": the tensor made at byte");
    REFUSE_VIEW("K\1", "K\2K\3\x86", "K\3K\1\x86", "ends at element 7 of storage \"0\", which has 6");
    REFUSE_VIEW("K\0", "K\2\x85", "K\6\x85", "ends at element 7");
    REFUSE_VIEW("K\x06", ")", ")", "ends at element 7");
    REFUSE_VIEW("\x8a\1\xff", ")", ")", "numbers from 0 up");
    REFUSE_VIEW("K\0", "\x8a\1\xff\x85", "K\1\x85", "numbers from 0 up");
    REFUSE_VIEW("K\5", "K\2\x85", "\x8a\1\xff\x85", "numbers from 0 up");
    REFUSE_VIEW("K\0", "N\x85", "K\1\x85", "numbers from 0 up");
    REFUSE_VIEW("K\0", "K\1\x85", "K\1K\1\x86", "another number of strides");
    REFUSE_VIEW("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "K\2\x85", "K\1\x85", "too large");
    REFUSE_VIEW("K\0", "K\3\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85", "too large");
    REFUSE_VIEW("K\0", "J\0\0\0\x40J\0\0\0\x40J\0\0\0\x40\x87", "K\0K\0K\0\x87", "too large");
    REFUSE_VIEW("K\0", "J\0\0\0\x10J\0\0\0\x10\x86", "K\0K\0\x86", "repeats its 24 bytes to");
}

static void test_calls_with_other_arguments(void **state) {
    (void)state;
    REFUSE_PICKLE("ctorch._utils\n_rebuild_tensor_v2\n)R", "called with other arguments");
    REFUSE_PICKLE("ctorch._utils\n_rebuild_tensor\n(NK\0))tR", "called with other arguments");
    REFUSE_PICKLE("ctorch._utils\n_rebuild_tensor_v3\n(" FLOATS "K\0))tR", "strides and a type");
    REFUSE_PICKLE("ctorch._utils\n_rebuild_parameter\n(K\1tR", "other arguments than a tensor");
    REFUSE_PICKLE("ctorch._tensor\n_rebuild_from_type_v2\n)R", "called with other arguments");
    REFUSE_PICKLE("ctorch\nSize\n)R", "one tuple");
    REFUSE_PICKLE("ccollections\nOrderedDict\n]K\1a\x85R", "a list of pairs");
}

static void test_hostile_names(void **state) {
    (void)state;
    REFUSE_PICKLE("}" KEY("a", "\1") GOOD "s" KEY("a", "\1") GOOD "s", "two tensors \"a\"");
    REFUSE_PICKLE("}" KEY("a\0b", "\3") GOOD "s", "zero bytes");
    REFUSE_PICKLE("}" KEY("a\xff", "\2") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xed\xa0\x80", "\3") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xc0\x80", "\2") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xe0\x80\x80", "\3") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xf0\x80\x80\x80", "\4") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xf4\x90\x80\x80", "\4") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xe2\x82", "\2") GOOD "s", "UTF-8");
}

/* ---- NumPy arrays ---- */

#define ARRAY_TYPE(CODE, ORDER) \
    "cnumpy\ndtype\n(U\2" CODE "K\0K\1tR(K\3U\1" ORDER "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
#define ARRAY_NEW "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85U\1btR"
#define ARRAY(SHAPE, TYPE, DATA) ARRAY_NEW "(K\1" SHAPE TYPE "\x89" DATA "tb"
#define LATIN(LENGTH, TEXT) "c_codecs\nencode\n(X" LENGTH "\0\0\0" TEXT "U\6latin1tR"
#define BUFFER(DATA, TYPE, SHAPE) "cnumpy.core.numeric\n_frombuffer\n(" DATA TYPE SHAPE "U\1CtR"

/* Arrays by hand: what NumPy does not write is opaque or an error, never read beyond its bytes. */
static void test_arrays(void **state) {
    (void)state;
    ACCEPT_PICKLE(ARRAY("K\2\x85", ARRAY_TYPE("u1", "|"), "C\2ab"), "tensor\t\tuint8\t2\t9e83486d\n");
    ACCEPT_PICKLE(ARRAY("K\2\x85", ARRAY_TYPE("u1", "|"), LATIN("\4", "\xc2\x80\xc3\xbf")),
                  "tensor\t\tuint8\t2\t57586539\n");
    ACCEPT_PICKLE(ARRAY("K\1\x85", ARRAY_TYPE("u2", ">"), "C\2ba"), "tensor\t\tuint16\t1\t9e83486d\n");
    ACCEPT_PICKLE(BUFFER("C\2ab", ARRAY_TYPE("i2", "<"), ")"), "tensor\t\tint16\tscalar\t9e83486d\n");
    ACCEPT_PICKLE(ARRAY_NEW, "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY_NEW "Nb", "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY_NEW ")b", "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY("K\2\x85", ARRAY_TYPE("O8", "|"), "]"), "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY("K\2\x85", "N", "C\2ab"), "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY("(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", ARRAY_TYPE("u1", "|"), "C\1a"),
                  "opaque\t\tNumPy array of more than 8 dimensions\n");
    ACCEPT_PICKLE("c_codecs\nencode\n(U\1aU\5utf-8tR", "opaque\t\tencoded text\n");
    REFUSE_PICKLE(ARRAY("K\3\x85", ARRAY_TYPE("u1", "|"), "C\2ab"), "has 2 bytes, 3 expected");
    REFUSE_PICKLE(ARRAY("K\2\x85", ARRAY_TYPE("u1", "|"),
                        LATIN("\4", "\xc4\x80"
                                    "ab")),
                  "the bytes of the NumPy array are damaged");
    REFUSE_PICKLE(ARRAY("K\1\x85", ARRAY_TYPE("u1", "|"), LATIN("\1", "\xc2")),
                  "the bytes of the NumPy array are damaged");
    REFUSE_PICKLE(ARRAY("J\xff\xff\xff\xff\x85", ARRAY_TYPE("u1", "|"), "C\0"), "shape of the NumPy array");
    REFUSE_PICKLE(ARRAY("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85", ARRAY_TYPE("f8", "<"), "C\0"),
                  "shape of the NumPy array");
    REFUSE_PICKLE(ARRAY("N\x85", ARRAY_TYPE("u1", "|"), "C\0"), "shape of the NumPy array");
}

/* Modules of TorchScript, and tensors of classes that PyTorch may have one day. */
static void test_scripts(void **state) {
    (void)state;
    ACCEPT_GOOD("c__torch__.a\nNet\n)\x81}" KEY("part", "\4") "c__torch__.b\nLeaf\n)\x81}" KEY("w", "\1") GOOD "sb"
                                                                                                               "sb",
                "part.w", "");
    ACCEPT_GOOD("c__torch__.a\nNet\n)\x81}" KEY("w", "\1") "ctorch.jit._pickle\nrestore_type_tag\n(" GOOD
                                                           "U\6TensortRsb",
                "w", "");
    ACCEPT_PICKLE("c__torch__.a\nNet\n)\x81", "opaque\t\t__torch__.a.Net\n");
    ACCEPT_PICKLE("c__torch__.a\nNet\n)\x81Nb", "opaque\t\t__torch__.a.Net\n");
    ACCEPT_PICKLE("}" KEY("t", "\1")
                      TENSOR(STORAGE_OF("torch", "FooStorage", "7", "\x06"), "K\0", "K\2\x85", "K\1\x85") "s",
                  "opaque\tt\ttensor of the class torch.FooStorage\n");
    REFUSE_PICKLE("ctorch.jit._pickle\nbuild_intlist\n)R", "other arguments than a value");
}

/* ---- limits ---- */

static void test_limits(void **state) {
    (void)state;
    static const char nested[] = "}"
                                 "K\1}"
                                 "K\1}"
                                 "K\1" GOOD "sss";
    refuse_pickle(nested, sizeof nested - 1, &(struct checkpoint_limits){.nesting = 2}, "nest deeper than 2");
    refuse_pickle(nested, sizeof nested - 1, &(struct checkpoint_limits){.objects = 20}, "more objects");
    refuse_pickle(nested, sizeof nested - 1, &(struct checkpoint_limits){.pickle_bytes = 100},
                  "more than the limit of 100");
    refuse_pickle(nested, sizeof nested - 1, &(struct checkpoint_limits){.entries = 1}, "2 entries");
    refuse_pickle(nested, sizeof nested - 1, &(struct checkpoint_limits){.file_bytes = 100}, "limit of 100");
    static const char three[] = "](" GOOD GOOD GOOD "e";
    refuse_pickle(three, sizeof three - 1, &(struct checkpoint_limits){.entries = 2}, "more than 2 tensors");
    static const char expanded[] = TENSOR(FLOATS, "K\0", "M\0\1\x85", "K\0\x85");
    refuse_pickle(expanded, sizeof expanded - 1, &(struct checkpoint_limits){.expanded_bytes = 1023},
                  "to 1024, more than the limit of 1023");
    struct byte_buffer legacy = read_saved("plain-legacy.pth");
    refuse_saved(legacy.data, legacy.size, &(struct checkpoint_limits){.pickle_bytes = 500}, "limit of 500 bytes");
    free(legacy.data);
    static const char *const packed[] = {"compressed.pth", "packed.npz", "stored.npz", "numpy2.pkl"};
    for (size_t i = 0; i < 4; i++) {
        struct byte_buffer file = read_saved(packed[i]);
        refuse_saved(file.data, file.size, &(struct checkpoint_limits){.unpacked_bytes = 100}, "limit of 100 bytes");
        free(file.data);
    }
    struct byte_buffer tensors = read_saved("plain.safetensors");
    refuse_saved(tensors.data, tensors.size, &(struct checkpoint_limits){.pickle_bytes = 100}, "limit of 100");
    refuse_saved(tensors.data, tensors.size, &(struct checkpoint_limits){.entries = 3}, "more than 3 tensors");
    free(tensors.data);
}

/* Values of which a few bytes make very many. */
static void test_bombs(void **state) {
    (void)state;
    struct file_bytes pickle = {0};
    /* Each list holds the one before twice: 2^30 ways to the tensor. */
    bytes_put(&pickle, GOOD, sizeof GOOD - 1);
    for (int i = 0; i < 30; i++)
        bytes_put(&pickle,
                  "q\1]h\1ah\1aq\1"
                  "0h\1",
                  15);
    refuse_pickle(pickle.data, pickle.size, &(struct checkpoint_limits){.objects = 100000}, "");
    bytes_free(&pickle);
    /* The same without a tensor. */
    bytes_put(&pickle,
              ")q\1"
              "0",
              4);
    for (int i = 0; i < 30; i++)
        bytes_put(&pickle,
                  "]h\1ah\1aq\1"
                  "0",
                  10);
    bytes_put(&pickle, "h\1", 2);
    refuse_pickle(pickle.data, pickle.size, NULL, "hold each other too often");
    bytes_free(&pickle);
    /* Deeper than any stack. */
    for (int i = 0; i < 100000; i++)
        bytes_put(&pickle, "]", 1);
    for (int i = 0; i < 99999; i++)
        bytes_put(&pickle, "a", 1);
    refuse_pickle(pickle.data, pickle.size, NULL, "nest deeper than 32");
    bytes_free(&pickle);
    for (int i = 0; i < 1100000; i++)
        bytes_put(&pickle, "(", 1);
    refuse_pickle(pickle.data, pickle.size, NULL, "marks are on the pickle's stack");
    memset(pickle.data, '2', pickle.size);
    pickle.data[0] = 'N';
    refuse_pickle(pickle.data, pickle.size, NULL, "values are on the pickle's stack");
    bytes_free(&pickle);
    /* Long keys above many items. */
    bytes_put(&pickle, "}X\xff\xff\0\0", 6);
    for (int i = 0; i < 0xffff; i++)
        bytes_put(&pickle, "k", 1);
    bytes_put(&pickle, GOOD "s", sizeof GOOD);
    refuse_pickle(pickle.data, pickle.size, NULL, "a path of more than 1023 bytes");
    bytes_free(&pickle);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pickles),
        cmocka_unit_test(test_hostile_pickles),
        cmocka_unit_test(test_storages_that_lie),
        cmocka_unit_test(test_views_that_leave_their_storage),
        cmocka_unit_test(test_calls_with_other_arguments),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bombs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
