/* A PKCS#11 module for browsers without a screen: it passes everything on to the module that TYPED_PIN_MODULE names,
 * and types the PIN itself, once for each session: the first line of the file that TYPED_PIN_FILE names. Without that
 * file nobody types one. */

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST ours;
static CK_FUNCTION_LIST *theirs;

static CK_ULONG typed(char *pin, int size)
{
    const char *name = getenv("TYPED_PIN_FILE");
    FILE *file = name ? fopen(name, "r") : NULL;
    if (!file)
        return 0;
    char *line = fgets(pin, size, file);
    fclose(file);
    return line ? strcspn(line, "\n") : 0;
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    CK_RV result = theirs->C_GetTokenInfo(slot, info);
    info->flags &= ~(CK_FLAGS)CKF_LOGIN_REQUIRED; /* so that the browser asks nobody */
    return result;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *data, CK_NOTIFY notify, CK_SESSION_HANDLE *session)
{
    char pin[64];
    CK_RV result = theirs->C_OpenSession(slot, flags, data, notify, session);
    CK_ULONG size = result == CKR_OK ? typed(pin, sizeof pin) : 0;
    if (size)
        theirs->C_Login(*session, CKU_USER, (CK_UTF8CHAR *)pin, size);
    return result;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    const char *name = getenv("TYPED_PIN_MODULE");
    void *module = name ? dlopen(name, RTLD_NOW | RTLD_LOCAL) : NULL;
    CK_C_GetFunctionList get = module ? (CK_C_GetFunctionList)dlsym(module, "C_GetFunctionList") : NULL;
    if (!get || get(&theirs) != CKR_OK)
        return CKR_GENERAL_ERROR;
    ours = *theirs;
    ours.C_GetFunctionList = C_GetFunctionList;
    ours.C_GetTokenInfo = token_info;
    ours.C_OpenSession = open_session;
    *list = &ours;
    return CKR_OK;
}
