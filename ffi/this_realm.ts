import { Realm } from "./realm.ts";

/** The realm that this module was loaded in: the main program, or one Worker. */
export const thisRealm: Realm = new Realm();
