//! The route table: every route with its method, its path and what it asks of its sender.
//!
//! A route cannot be added without an [`Access`], and the gate that checks it stands before the handler. Tests read
//! the same table, so that a route nobody thought about fails them.

use std::future::ready;

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::ServiceConfig;
use actix_web::{FromRequest, Handler, Resource, Responder, Route, guard, web};

use crate::access::Access;
use crate::middleware::gate::{BodyLimit, gate};
use crate::problem::{Problem, kinds};

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Method.
    pub method: Method,
    /// Path pattern.
    pub path: &'static str,
    /// What it asks of its sender.
    pub access: Access,
}

/// Collects routes, for the server and for tests.
#[derive(Default)]
pub struct Table {
    entries: Vec<Entry>,
    resources: Vec<(&'static str, Resource, Vec<Method>)>,
}

impl Table {
    /// All routes so far, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds a `GET` (and with it `HEAD`).
    pub fn get<F, Args>(&mut self, access: Access, path: &'static str, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::GET, access, path, handler);
    }

    /// Adds a `POST`.
    pub fn post<F, Args>(&mut self, access: Access, path: &'static str, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add(Method::POST, access, path, handler);
    }

    /// Adds a route of any method.
    pub fn add<F, Args>(&mut self, method: Method, access: Access, path: &'static str, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add_limited(method, access, BodyLimit::Usual, path, handler);
    }

    /// Adds a route that takes seating plans, which are larger than anything else.
    pub fn add_for_plans<F, Args>(&mut self, method: Method, access: Access, path: &'static str, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.add_limited(method, access, BodyLimit::Plan, path, handler);
    }

    fn add_limited<F, Args>(&mut self, method: Method, access: Access, limit: BodyLimit, path: &'static str, handler: F)
    where
        F: Handler<Args>,
        Args: FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        self.entries.push(Entry { method: method.clone(), path, access });
        let gate = from_fn(move |request: ServiceRequest, next: Next<_>| gate(access, limit, request, next));
        let (route, mut methods) = if method == Method::GET {
            (Route::new().guard(guard::Any(guard::Get()).or(guard::Head())), vec![Method::GET, Method::HEAD])
        } else {
            (Route::new().method(method.clone()), vec![method])
        };
        let route = route.to(handler).wrap(gate);
        let at = self.resources.iter().position(|(known, ..)| *known == path).unwrap_or_else(|| {
            self.resources.push((path, web::resource(path), Vec::new()));
            self.resources.len() - 1
        });
        let (path, resource, mut known) = self.resources.swap_remove(at);
        known.append(&mut methods);
        self.resources.push((path, resource.route(route), known));
    }

    /// Hands the routes to the server. Paths are matched most literal first, whatever order they were added in.
    pub fn configure(mut self, config: &mut ServiceConfig) {
        self.resources.sort_by_key(|(path, ..)| sort_key(path));
        for (_, resource, methods) in self.resources {
            config.service(resource.default_service(no_such_method(&methods)));
        }
    }
}

/// What a resource answers to every method but its own.
pub fn no_such_method(methods: &[Method]) -> Route {
    let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    web::to(move || ready(Err::<&str, _>(Problem::of(&kinds::METHOD_NOT_ALLOWED).allow(&allow))))
}

/// Segments with a parameter come after literal ones: `/orders/me` before `/orders/{order}`.
fn sort_key(path: &str) -> Vec<(bool, String)> {
    path.split('/').map(|segment| (segment.contains('{'), segment.to_owned())).collect()
}
