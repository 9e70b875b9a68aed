//! The table of the model, and what goes to it and comes from it.

use super::*;

impl Test {
    pub(super) fn write(&mut self, fails: bool, done: bool) {
        if self.fetching.is_some() {
            return;
        }
        let batch: Vec<Change> = self.outbox.iter().cloned().collect();
        if !fails || done {
            for change in &batch {
                match change {
                    Change::Add { name, due, .. } => {
                        self.table.entry(*name).or_insert(Row { due: *due });
                    }
                    Change::Tried { name, due } => {
                        if let Some(row) = self.table.get_mut(name) {
                            row.due = Some(*due);
                        }
                    }
                    Change::Remove { name } => {
                        self.table.remove(name);
                    }
                }
            }
        }
        if fails {
            return;
        }
        self.outbox.clear();
        for change in batch {
            match change {
                Change::Add { name, due, settles } => {
                    if due.is_none() {
                        self.rows.added_in_line(&target(name.0), Offset(name.1));
                    }
                    if self.parking.remove(&settles) {
                        self.settled.insert(name);
                    }
                }
                Change::Tried { .. } => {}
                Change::Remove { name } => self.rows.removed(&target(name.0), Offset(name.1)),
            }
        }
    }

    /// Whether anything is being fetched after it.
    pub(super) fn begin_fetch(&mut self, at_most: usize) -> bool {
        if self.fetching.is_none() && self.outbox.is_empty() {
            let now = self.moment(self.now);
            self.fetching = self
                .rows
                .wants(now, Offset(self.read_to), |_, here| at_most.saturating_sub(here));
        }
        self.fetching.is_some()
    }

    pub(super) fn end_fetch(&mut self, fails: bool, cut: usize) {
        let Some(wanted) = self.fetching.take() else { return };
        if fails {
            self.rows.not_fetched(wanted);
            return;
        }
        let mut found = Vec::new();
        for want in &wanted {
            let of = TARGETS
                .iter()
                .position(|target| *target == want.target)
                .expect("a target");
            let lane = self
                .table
                .iter()
                .filter(|(name, _)| name.0 == of && name.1 < self.read_to);
            let past = |offset: i64, after: Option<Offset>| after.is_none_or(|after| offset > after.0);
            let rows: Vec<i64> = match &want.which {
                Which::InLine { after, limit } => lane
                    .filter(|(name, row)| row.due.is_none() && past(name.1, *after))
                    .map(|(name, _)| name.1)
                    .take((*limit).min(cut))
                    .collect(),
                Which::OfKey {
                    key: wanted,
                    after,
                    limit,
                } => lane
                    .filter(|(name, _)| of == 0 && past(name.1, *after) && key(self.key_of(name.1)) == *wanted)
                    .map(|(name, _)| name.1)
                    .take((*limit).min(cut))
                    .collect(),
                Which::At(offset) => lane
                    .filter(|(name, _)| name.1 == offset.0)
                    .map(|(name, _)| name.1)
                    .collect(),
            };
            found.extend(rows.into_iter().map(|offset| self.waiting((of, offset))));
        }
        let (began, fetched) = (self.began, &mut self.fetched);
        let id = |offset| {
            *fetched += 1;
            WorkId::from_backlog(offset, *fetched)
        };
        let moment = |row: &Waiting| {
            let due = row.due?.millis();
            Some(began + Duration::from_millis(due.unsigned_abs()))
        };
        let here = self.rows.fetched(&wanted, found, is_ordered, id, moment);
        for (id, row) in here {
            let of = TARGETS
                .iter()
                .position(|target| *target == row.target)
                .expect("a target");
            let (name, under_way) = ((of, row.record.offset.0), false);
            let twice = self.here.values().any(|here| here.name == name);
            assert!(!twice, "{name:?} is in memory twice");
            self.here.insert(id, Here { name, under_way });
        }
    }

    pub(super) fn waiting(&self, name: Name) -> Waiting {
        let due = self.table[&name]
            .due
            .map(|due| Timestamp::from_millis(due.cast_signed()).expect("a time"));
        Waiting {
            target: TARGETS[name.0].to_owned(),
            record: Arc::new(StoredRecord {
                offset: Offset(name.1),
                record: Record {
                    key: key(self.key_of(name.1)),
                    headers: vec![],
                    value: Bytes::new(),
                },
            }),
            rules: vec![],
            rules_version: "v".into(),
            attempts: 0,
            due,
            ordered: name.0 == 0,
            since: Timestamp::MIN,
        }
    }

    pub(super) fn contents(&self, position: i64) -> Contents {
        let mut contents = Contents::default();
        for (name, row) in &self.table {
            let target = TARGETS[name.0].to_owned();
            match row.due {
                Some(due) => contents.due.push(Due {
                    target: target.clone(),
                    offset: Offset(name.1),
                    key: key(self.key_of(name.1)),
                    at: Timestamp::from_millis(due.cast_signed()).expect("a time"),
                }),
                None if contents.in_line.last() != Some(&target) => contents.in_line.push(target.clone()),
                None => {}
            }
            if name.1 >= position {
                contents.read_again.push((target, Offset(name.1)));
            }
        }
        contents
    }

    pub(super) fn load(&mut self, contents: Contents) {
        let began = self.began;
        let moment = |at: Timestamp| began + Duration::from_millis(at.millis().unsigned_abs());
        self.rows.load(contents, is_ordered, moment);
    }

    pub(super) fn restart(&mut self, back: usize) {
        let open = |offset: &i64| (0..TARGETS.len()).any(|of| !self.settled.contains(&(of, *offset)));
        let progress = (0..self.read_to).find(open).unwrap_or(self.read_to);
        let position = (progress - i64::try_from(back).expect("few")).max(0);
        self.rows = Rows::default();
        self.outbox.clear();
        self.here.clear();
        self.parking.clear();
        self.fetching = None;
        self.settled.retain(|name| name.1 < position);
        self.read_to = position;
        let contents = self.contents(position);
        self.load(contents);
    }

    pub(super) fn look(&mut self) {
        if self.fetching.is_some() || !self.outbox.is_empty() {
            return;
        }
        for row in self.table.values_mut().filter(|row| row.due.is_some()) {
            row.due = row.due.min(Some(self.now));
        }
        let contents = self.contents(self.read_to);
        self.load(contents);
    }
}
