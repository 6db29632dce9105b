/** The page as a whole: which part of it is shown, in which language and look, and what is taken away from it. */

import { failureFrom } from "../api";
import type { Language } from "../messages";
import { type Route, hashOf, isAdminPage, routeOf } from "../routes";
import type { Kept, State, Theme } from "../state";
import type { World } from "../world";
import { Admin } from "./admin";
import { Dashboards } from "./dashboards";
import { EmbeddedActions } from "./embedded";
import { EmbedsActions } from "./embeds";
import { Explore } from "./explore";
import { Lists } from "./lists";
import { Others } from "./others";
import { People } from "./people";
import { Reports } from "./reports";
import { SessionActions } from "./session";

const COPIED_MS = 2000;

/** All that a person can do. */
export class Actions {
  readonly lists: Lists;
  readonly explore: Explore;
  readonly people: People;
  readonly reports: Reports;
  readonly dashboards: Dashboards;
  readonly session: SessionActions;
  readonly admin: Admin;
  readonly others: Others;
  readonly embeds: EmbedsActions;
  readonly embedded: EmbeddedActions;
  /** Whether what all pages but an embedded answer need was asked for. */
  private begun = false;
  private callOffCopied: () => void = () => {};
  private detail: AbortController | null = null;

  constructor(
    private readonly state: State,
    private readonly world: World,
  ) {
    this.lists = new Lists(state, world);
    this.explore = new Explore(state, world, (fieldId) => this.lists.open(fieldId, true));
    this.people = new People(state, world);
    this.reports = new Reports(state, world, (report) => this.explore.saved(report), (of, id) => this.restored(of, id));
    this.dashboards = new Dashboards(state, world, (id) => this.go({ page: "dashboards", id }));
    this.admin = new Admin(state, world);
    this.others = new Others(state, world);
    this.embeds = new EmbedsActions(state, world);
    this.embedded = new EmbeddedActions(state, world);
    this.session = new SessionActions(state, world, () => this.entered());
  }

  start(): void {
    this.openAddress();
  }

  /** Asks for what all pages need. An embedded answer is for those who have its link alone, and asks for nothing else. */
  private begin(): void {
    if (this.begun || this.state.route.page === "embedded") return;
    this.begun = true;
    void this.enterSession();
    void this.lists.loadCatalogue();
    void this.reports.loadNotes();
  }

  /** Who comes from a login at a provider, and is in, goes on to where they wanted to. */
  private async enterSession(): Promise<void> {
    await this.session.load();
    const { route, session } = this.state;
    if (route.page === "login" && session.status === "ready" && session.value.role !== null) this.goOn(route.then);
  }

  private goOn(hash: string): void {
    this.world.visit(hash, "replace");
    this.openAddress();
  }

  /** Asks again for what could not be had without a login. What was being built stays. */
  private entered(): void {
    void this.lists.loadCatalogue();
    void this.reports.loadNotes();
    const { route } = this.state;
    if (route.page === "login") this.goOn(route.then);
    else this.retry();
  }

  /** Shows what the address names, at the start and when the person goes back or forward. */
  openAddress(): void {
    const { hash } = this.world.address();
    this.state.route = routeOf(hash);
    this.state.sheet = null;
    this.state.list = null;
    this.dashboards.leave();
    this.admin.leave();
    this.embedded.leave();
    this.embeds.forget();
    this.begin();
    if (this.state.route.page === "explore") this.explore.openAddress();
    else this.load();
    this.world.draw();
  }

  /** Goes to another page. The question that was being built is not lost: going back brings its address. */
  go(route: Route): void {
    this.world.visit(hashOf(route), "push");
    this.openAddress();
    this.state.focus = "main";
    this.world.draw();
  }

  private load(): void {
    const { route } = this.state;
    if (route.page === "catalogue") {
      this.state.eventDetail = null;
      if (route.event !== null) void this.loadEvent(route.event);
    }
    if (isAdminPage(route)) this.admin.load(route.page);
    if (route.page === "embedded") void this.embedded.open(route.token);
    if (route.page === "reports") void this.reports.load();
    if (route.page === "dashboards") {
      if (route.id === null) void this.dashboards.loadList();
      else void this.dashboards.open(route.id, route.revision);
    }
    if (route.page === "users") {
      this.state.timeline = null;
      if (route.id !== null) void this.people.loadTimeline(route.id);
    }
  }

  private async loadEvent(name: string): Promise<void> {
    this.detail?.abort();
    const asking = new AbortController();
    this.detail = asking;
    this.state.eventDetail = { status: "loading" };
    try {
      const value = await this.world.api.event(name, asking.signal);
      if (!asking.signal.aborted) this.state.eventDetail = { status: "ready", value };
    } catch (error) {
      if (!asking.signal.aborted) this.state.eventDetail = { status: "failed", failure: failureFrom(error) };
    }
    this.world.draw();
  }

  /** Shows what an old revision made again is in: the list that it was restored from, or the dashboard itself. */
  private async restored(of: Kept, id: string): Promise<void> {
    const { route } = this.state;
    if (of === "reports") return this.reports.load();
    if (route.page !== "dashboards" || route.id === null) return this.dashboards.loadList();
    this.goOn(hashOf({ page: "dashboards", id }));
  }

  searchEvents(text: string): void {
    this.state.eventSearch = text;
    this.world.draw();
  }

  /** Lists the events of an owner; null is all. */
  chooseOwner(owner: string | null): void {
    this.state.eventOwner = owner;
    this.world.draw();
  }

  /** Asks again for whatever could not be had. */
  retry(): void {
    if (this.state.session.status === "failed") void this.enterSession();
    if (this.state.catalogue.status === "failed") void this.lists.loadCatalogue();
    this.others.retry();
    if (this.state.report?.status === "failed") return this.openAddress();
    if (this.state.route.page === "explore") this.explore.retry();
    else this.load();
    this.world.draw();
  }

  setLanguage(language: Language): void {
    this.state.language = language;
    this.world.keep("language", language);
    this.world.draw();
  }

  setTheme(theme: Theme): void {
    this.state.theme = theme;
    this.world.keep("theme", theme);
    this.world.draw();
  }

  closeSheet(): void {
    this.people.close();
  }

  redraw(): void {
    this.world.draw();
  }

  showSeries(id: string): void {
    this.state.splitSeries = id;
    this.world.draw();
  }

  async copy(what: string, text: string): Promise<void> {
    this.callOffCopied();
    this.state.copied = (await this.world.copy(text)) ? what : null;
    this.world.draw();
    this.callOffCopied = this.world.after(COPIED_MS, () => {
      this.state.copied = null;
      this.world.draw();
    });
  }

  download(name: string, content: Blob): void {
    this.world.download(name, content);
  }
}
