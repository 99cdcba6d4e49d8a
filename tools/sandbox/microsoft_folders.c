/* sandbox/microsoft_folders.c: mail folders, and the master list of categories. */
#include "sandbox/microsoft_graph.h"

#include "base/mem.h"
#include "base/text.h"

#include <string.h>

static struct json_object *folder_json(const struct ms_account *account,
                                       const struct ms_folder *folder)
{
    struct json_object *object = json_object_new_object();
    int children = 0;

    for (size_t i = 0; i < account->folder_count; i++)
        children += account->folder_list[i]->parent == folder;
    sbx_json_put(object, "id", folder->id);
    sbx_json_put(object, "displayName", folder->name);
    sbx_json_put(object, "parentFolderId", folder->parent ? folder->parent->id : NULL);
    json_object_object_add(object, "childFolderCount", json_object_new_int(children));
    json_object_object_add(object, "unreadItemCount",
                           json_object_new_int64((int64_t)folder->unread));
    json_object_object_add(object, "totalItemCount", json_object_new_int64((int64_t)folder->count));
    json_object_object_add(object, "isHidden", json_object_new_boolean(false));
    return object;
}

static void folders_answer(struct ms_call *call, const struct ms_folder *parent)
{
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();
    auto_free char *top = ms_parameter(call, "$top"), *skip_text = ms_parameter(call, "$skip");
    int64_t size = 10, skip = 0, at = 0;

    if ((top && !text_i64(top, &size)) || (skip_text && !text_i64(skip_text, &skip))) {
        ms_fail(call->response, 400, "BadRequest", "$top and $skip are numbers.");
        json_object_put(object);
        json_object_put(list);
        return;
    }
    ms_context(call, object, "mailFolders");
    for (size_t i = 0; i < call->account->folder_count; i++) {
        const struct ms_folder *folder = call->account->folder_list[i];

        if (folder->parent != parent)
            continue;
        if (at >= skip && at < skip + size)
            json_object_array_add(list, folder_json(call->account, folder));
        at++;
    }
    json_object_object_add(object, "value", list);
    if (at > skip + size) {
        auto_free char *link = ms_link(call, call->request->path);
        auto_free char *next =
            mem_printf("%s?$top=%lld&$skip=%lld", link, (long long)size, (long long)(skip + size));

        sbx_json_put(object, "@odata.nextLink", next);
    }
    ms_ok(call, 200, object);
}

void ms_folders_list(struct ms_call *call)
{
    folders_answer(call, ms_folder_get(call->account, "msgfolderroot"));
}

void ms_folder_children(struct ms_call *call)
{
    struct ms_folder *folder = ms_folder_get(call->account, call->ids[0]);

    if (folder)
        folders_answer(call, folder);
    else
        ms_not_found(call);
}

void ms_folders_get(struct ms_call *call)
{
    struct ms_folder *folder = ms_folder_get(call->account, call->ids[0]);
    struct json_object *object;

    if (!folder) {
        ms_not_found(call);
        return;
    }
    object = folder_json(call->account, folder);
    ms_context(call, object, "mailFolders/$entity");
    ms_ok(call, 200, object);
}

void ms_folders_create(struct ms_call *call)
{
    struct ms_account *account = call->account;
    const char *name = sbx_json_text(call->asked, "displayName");
    struct ms_folder *root = ms_folder_get(account, "msgfolderroot");

    if (!name || !*name) {
        ms_fail(call->response, 400, "ErrorInvalidRequest", "displayName is missing.");
        return;
    }
    for (size_t i = 0; i < account->folder_count; i++)
        if (account->folder_list[i]->parent == root &&
            text_same(account->folder_list[i]->name, name)) {
            ms_fail(call->response, 409, "ErrorFolderExists",
                    "A folder with the specified name already exists.");
            return;
        }
    ms_ok(call, 201, folder_json(account, ms_folder_new(account, name, NULL, root)));
}

/* -- categories ------------------------------------------------------------------------------- */

static bool is_color(const char *text)
{
    uint64_t number;

    if (strcmp(text, "none") == 0)
        return true;
    return text_starts(text, "preset") && text_u64(text + 6, &number) && number <= 24;
}

static struct json_object *category_json(const struct ms_category *category)
{
    struct json_object *object = json_object_new_object();

    sbx_json_put(object, "id", category->id);
    sbx_json_put(object, "displayName", category->name);
    sbx_json_put(object, "color", category->color);
    return object;
}

static struct ms_category *category_of(struct ms_call *call)
{
    for (size_t i = 0; i < call->account->category_count; i++)
        if (text_same(call->account->categories[i].id, call->ids[0]))
            return &call->account->categories[i];
    ms_not_found(call);
    return NULL;
}

void ms_categories_list(struct ms_call *call)
{
    struct json_object *object = json_object_new_object(), *list = json_object_new_array();

    ms_context(call, object, "outlook/masterCategories");
    for (size_t i = 0; i < call->account->category_count; i++)
        json_object_array_add(list, category_json(&call->account->categories[i]));
    json_object_object_add(object, "value", list);
    ms_ok(call, 200, object);
}

void ms_categories_get(struct ms_call *call)
{
    const struct ms_category *category = category_of(call);

    if (category)
        ms_ok(call, 200, category_json(category));
}

void ms_categories_create(struct ms_call *call)
{
    struct ms_account *account = call->account;
    const char *name = sbx_json_text(call->asked, "displayName");
    const char *color = sbx_json_text(call->asked, "color");

    color = color ? color : "none";
    if (!name || !*name || !is_color(color)) {
        ms_fail(call->response, 400, "ErrorInvalidRequest",
                "A category has a displayName, and a color from none, preset0 to preset24.");
        return;
    }
    for (size_t i = 0; i < account->category_count; i++)
        if (text_same(account->categories[i].name, name)) {
            ms_fail(call->response, 409, "ErrorDuplicateCategory",
                    "A category with the specified name already exists.");
            return;
        }
    account->categories =
        mem_grow(account->categories, account->category_count + 1, sizeof(struct ms_category));
    account->categories[account->category_count] = (struct ms_category){
        ms_guid(name, account->category_count + 100), mem_str(name), mem_str(color)};
    ms_ok(call, 201, category_json(&account->categories[account->category_count++]));
}

/* The colour may change, the name may not. */
void ms_categories_update(struct ms_call *call)
{
    struct ms_category *category = category_of(call);
    const char *color = sbx_json_text(call->asked, "color");

    if (!category)
        return;
    if (sbx_json_get(call->asked, "displayName") || !color || !is_color(color)) {
        ms_fail(call->response, 400, "ErrorInvalidRequest",
                "Only the color of a category can change.");
        return;
    }
    mem_str_set(&category->color, color);
    ms_ok(call, 200, category_json(category));
}

void ms_categories_delete(struct ms_call *call)
{
    struct ms_account *account = call->account;
    struct ms_category *category = category_of(call);

    if (!category)
        return;
    free(category->id);
    free(category->name);
    free(category->color);
    *category = account->categories[--account->category_count];
    ms_done(call, 204);
}
