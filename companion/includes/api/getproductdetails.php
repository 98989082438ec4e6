<?php

declare(strict_types=1);

/*
 * The custom API action GetProductDetails of whmcs-stock-monitor: stock, configurable options, and how many services
 * use each choice. PHP 7.2 to 8.3. It reads products, options and counts of services, writes nothing, and answers
 * no data of a client.
 *
 * Request: productid = one id, a comma list of ids, or absent for all.
 * This file is replaced by an upgrade. Settings: includes/stock_monitor/settings.php.
 */

use WHMCS\Database\Capsule;

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

// WHMCS may include this file several times in one request (localAPI).
if (!class_exists('WhmcsStockMonitorDetails', false)) {
    final class WhmcsStockMonitorDetails
    {
        /** What the monitor understands; it grows only when a field changes its meaning. */
        const CONTRACT = 1;
        /** Services in these statuses hold hardware, unless the settings say otherwise. */
        const HOLDING = ['Pending', 'Active', 'Suspended'];
        /** Longer lists of ids are filtered here: databases limit the number of bound values. */
        const MOST_BOUND = 2000;
        /** WHMCS's option types that make combinations: dropdown, radio, yes/no. */
        const COMBINING = [1, 2, 3];
        const YES_NO = 3;
        const QUANTITY = 4;

        /** @var array<int, array<string, mixed>> by product id */
        private $products = [];
        /** @var array<int, array<int, bool>> product id => ids of its option groups */
        private $links = [];
        /** @var array<int, array<int, array<string, mixed>>> group id => its options by id, in the shop's order */
        private $options = [];
        /** @var array<int, array<int, array<string, mixed>>> option id => its choices by id, in the shop's order */
        private $choices = [];
        /** @var array<int, int> product id => services that hold hardware */
        private $services = [];
        /** @var array<int, array<int, array<int, int>>> product id => option id => choice id => services or quantity */
        private $uses = [];
        /** @var array<int, array<string, int>> product id => combination => services */
        private $combinations = [];
        /** @var array<string, array<string, mixed>> equal choices are kept once: a large shop has millions */
        private $shared = [];

        /** The whole answer; never throws, prints nothing, leaves no notice. */
        public static function answer(array $request): array
        {
            $depth = ob_get_level();
            ob_start();
            // A notice in this file is a fault. Elsewhere (a library on a newer PHP) it is none, and must not be printed.
            set_error_handler(static function (int $level, string $text, string $file = '', int $line = 0): bool {
                if ($file === __FILE__) {
                    throw new ErrorException('notice', 0, $level, $file, $line);
                }
                return true;
            });
            try {
                return self::answerTo($request);
            } catch (Throwable $error) {
                return self::error('GetProductDetails: ' . self::reason($error));
            } finally {
                restore_error_handler();
                while (ob_get_level() > $depth) {
                    ob_end_clean();
                }
            }
        }

        private static function answerTo(array $request): array
        {
            $ids = self::ids(isset($request['productid']) ? $request['productid'] : null);
            $details = new self();
            $details->read($ids, self::holding());
            $products = $details->products();
            if ($products === [] && $ids !== null) {
                return self::error('Product ID Not Found');
            }
            return [
                'result' => 'success',
                'contract' => self::CONTRACT,
                'totalresults' => count($products),
                'products' => ['product' => $products],
            ];
        }

        private static function error(string $message): array
        {
            return ['result' => 'error', 'message' => $message];
        }

        /** What went wrong, without a statement, a value or a password. */
        private static function reason(Throwable $error): string
        {
            $ours = $error->getFile() === __FILE__;
            if ($ours && $error instanceof InvalidArgumentException) {
                return $error->getMessage();
            }
            if ($error instanceof PDOException) {
                $state = (string) $error->getCode();
                $state = preg_match('/^[0-9A-Z]{1,6}$/', $state) === 1 ? $state : 'unknown';
                return "the database could not be read (SQLSTATE $state). See the server's error log or try again.";
            }
            $place = $ours ? ', line ' . $error->getLine() : '';
            return 'an internal fault (' . get_class($error) . $place . '). Please report it to the monitor\'s makers.';
        }

        /**
         * The ids asked for, as keys; null for all.
         *
         * @param mixed $asked
         * @return array<int, bool>|null
         */
        private static function ids($asked)
        {
            if ($asked === null || $asked === '') {
                return null;
            }
            $ids = [];
            $list = is_int($asked) || is_string($asked) ? explode(',', (string) $asked) : [''];
            foreach ($list as $id) {
                if (preg_match('/^\s*-?[0-9]{1,18}\s*$/D', $id) !== 1) {
                    throw new InvalidArgumentException(
                        'productid must be one id, a comma list of ids, or absent for all.'
                    );
                }
                // No product has an id below 1: such a one is unknown, not malformed.
                if ((int) $id > 0) {
                    $ids[(int) $id] = true;
                }
            }
            return $ids;
        }

        /**
         * The statuses that count. A wrong setting is an error: counting others in silence would be a wrong level.
         *
         * @return string[]
         */
        private static function holding(): array
        {
            $file = dirname(__DIR__) . '/stock_monitor/settings.php';
            if (!is_file($file)) {
                return self::HOLDING;
            }
            try {
                $settings = include $file;
            } catch (Throwable $error) {
                $settings = null;
            }
            if (!is_array($settings)) {
                throw new InvalidArgumentException(
                    'includes/stock_monitor/settings.php is no PHP file that returns an array.'
                );
            }
            if (!isset($settings['holding'])) {
                return self::HOLDING;
            }
            $statuses = $settings['holding'];
            if (!is_array($statuses) || $statuses === [] || $statuses !== array_filter($statuses, 'is_string')) {
                throw new InvalidArgumentException(
                    '"holding" in includes/stock_monitor/settings.php must be a list of statuses.'
                );
            }
            return array_values($statuses);
        }

        /**
         * Reads everything in a constant number of statements, however many products, and as of one instant where
         * the tables can do that.
         *
         * @param array<int, bool>|null $ids
         * @param string[] $holding
         */
        private function read($ids, array $holding)
        {
            if ($ids === []) {
                return;
            }
            $connection = Capsule::connection();
            $own = method_exists($connection, 'transactionLevel') && $connection->transactionLevel() === 0;
            if ($own) {
                $connection->beginTransaction();
            }
            try {
                $this->readProducts($ids);
                $this->readOptions($ids);
                $this->readServices($ids, $holding);
            } finally {
                if ($own) {
                    $connection->rollBack();
                }
            }
        }

        /** @param array<int, bool>|null $ids */
        private function readProducts($ids)
        {
            $fields = ['hidden', 'retired', 'stockcontrol', 'qty'];
            $query = Capsule::table('tblproducts as p')
                ->leftJoin('tblproductgroups as g', 'g.id', '=', 'p.gid')
                ->select(self::columns('tblproducts', 'p', ['id', 'gid', 'name'], $fields))
                ->addSelect('g.name as groupname')
                ->orderBy('p.id');
            foreach (self::rows(self::among($query, 'p.id', $ids)) as $row) {
                $id = (int) $row['id'];
                if ($ids !== null && !isset($ids[$id])) {
                    continue;
                }
                $product = ['pid' => $id];
                self::put($product, 'gid', self::number($row['gid']));
                self::put($product, 'groupname', self::text($row['groupname']));
                $product['name'] = (string) self::text($row['name']);
                foreach (['hidden', 'retired', 'stockcontrol'] as $flag) {
                    self::put($product, $flag, self::flag(isset($row[$flag]) ? $row[$flag] : null));
                }
                self::put($product, 'qty', self::number(isset($row['qty']) ? $row['qty'] : null));
                $this->products[$id] = $product;
            }
        }

        /** @param array<int, bool>|null $ids */
        private function readOptions($ids)
        {
            $groups = [];
            $query = Capsule::table('tblproductconfiglinks')->select(['pid', 'gid'])->orderBy('pid')->orderBy('gid');
            foreach (self::rows(self::among($query, 'pid', $ids)) as $row) {
                if (isset($this->products[(int) $row['pid']])) {
                    $this->links[(int) $row['pid']][(int) $row['gid']] = true;
                    $groups[(int) $row['gid']] = true;
                }
            }
            $options = [];
            $table = 'tblproductconfigoptions';
            $columns = self::columns(
                $table,
                'o',
                ['id', 'gid', 'optionname', 'optiontype'],
                ['hidden', 'qtyminimum', 'qtymaximum', 'order']
            );
            $query = Capsule::table($table . ' as o')->select($columns);
            foreach (self::sorted(self::among($query, 'o.gid', $groups), 'order') as $row) {
                if (!isset($groups[(int) $row['gid']])) {
                    continue;
                }
                $option = ['id' => (int) $row['id'], 'name' => self::shown($row['optionname'])];
                $option['type'] = (string) $row['optiontype'];
                self::put($option, 'hidden', self::flag(isset($row['hidden']) ? $row['hidden'] : null));
                self::put($option, 'minqty', self::number(isset($row['qtyminimum']) ? $row['qtyminimum'] : null));
                self::put($option, 'maxqty', self::number(isset($row['qtymaximum']) ? $row['qtymaximum'] : null));
                $this->options[(int) $row['gid']][$option['id']] = $option;
                $options[$option['id']] = true;
            }
            $table = 'tblproductconfigoptionssub';
            $columns = self::columns($table, 's', ['id', 'configid', 'optionname'], ['hidden', 'sortorder']);
            $query = Capsule::table($table . ' as s')->select($columns);
            foreach (self::sorted(self::among($query, 's.configid', $options), 'sortorder') as $row) {
                if (!isset($options[(int) $row['configid']])) {
                    continue;
                }
                $choice = ['id' => (int) $row['id'], 'name' => self::shown($row['optionname'])];
                self::put($choice, 'hidden', self::flag(isset($row['hidden']) ? $row['hidden'] : null));
                $this->choices[(int) $row['configid']][$choice['id']] = $choice;
            }
        }

        /**
         * @param array<int, bool>|null $ids
         * @param string[] $holding
         */
        private function readServices($ids, array $holding)
        {
            $query = Capsule::table('tblhosting')
                ->selectRaw('packageid, COUNT(*) AS services')
                ->whereIn('domainstatus', $holding)
                ->groupBy('packageid');
            foreach (self::rows(self::among($query, 'packageid', $ids)) as $row) {
                $this->services[(int) $row['packageid']] = (int) $row['services'];
            }
            $table = 'tblhostingconfigoptions';
            $columns = self::columns($table, 'c', ['relid', 'configid', 'optionid', 'qty'], ['id']);
            $query = Capsule::table($table . ' as c')
                ->join('tblhosting as h', 'h.id', '=', 'c.relid')
                ->select($columns)
                ->addSelect('h.packageid')
                ->whereIn('h.domainstatus', $holding)
                ->orderBy('c.relid');
            if (in_array('c.id', $columns, true)) {
                $query->orderBy('c.id');
            }
            $this->count(self::rows(self::among($query, 'h.packageid', $ids)));
        }

        /**
         * Counts services and quantities; the rows of a service follow each other.
         *
         * @param iterable<array<string, mixed>> $rows
         */
        private function count($rows)
        {
            $combining = $this->kinds();
            $seen = [];
            $service = $product = 0;
            $held = [];
            foreach ($rows as $row) {
                if ((int) $row['relid'] !== $service) {
                    $this->countService($product, $held, $combining, $seen);
                    $service = (int) $row['relid'];
                    $product = (int) $row['packageid'];
                    $held = [];
                }
                // Should a service have two rows for an option, the newer one holds.
                $held[(int) $row['configid']] = [(int) $row['optionid'], (int) $row['qty']];
            }
            $this->countService($product, $held, $combining, $seen);
            // Services without a single row hold no choice; of a yes/no option they hold the "no".
            foreach ($this->services as $product => $services) {
                $rest = $services - (isset($seen[$product]) ? $seen[$product] : 0);
                if ($rest > 0 && isset($combining[$product])) {
                    $this->countCombination($product, [], $combining[$product], $rest);
                }
            }
        }

        /**
         * @param array<int, array{0: int, 1: int}> $held option id => choice id and quantity
         * @param array<int, array<int, int>> $kinds
         * @param array<int, int> $seen
         */
        private function countService(int $product, array $held, array $kinds, array &$seen)
        {
            if (!isset($this->products[$product])) {
                return;
            }
            $seen[$product] = (isset($seen[$product]) ? $seen[$product] : 0) + 1;
            if (!isset($kinds[$product])) {
                return;
            }
            $chosen = [];
            foreach ($held as $option => $pair) {
                list($choice, $quantity) = $pair;
                // A row may outlive its option, or the option's link to the product.
                if (!isset($kinds[$product][$option])) {
                    continue;
                }
                $kind = $kinds[$product][$option];
                if ($kind === self::YES_NO) {
                    $chosen[$option] = $quantity > 0 ? $choice : 0;
                } elseif ($choice > 0) {
                    $chosen[$option] = $choice;
                }
                $amount = $kind === self::QUANTITY ? $quantity : 1;
                if ($choice > 0 && ($kind !== self::YES_NO || $quantity > 0)) {
                    $before = isset($this->uses[$product][$option][$choice])
                        ? $this->uses[$product][$option][$choice]
                        : 0;
                    $this->uses[$product][$option][$choice] = $before + $amount;
                }
            }
            $this->countCombination($product, $chosen, $kinds[$product], 1);
        }

        /**
         * @param array<int, int> $chosen option id => choice id; 0 is the "no" of a yes/no option
         * @param array<int, int> $kinds the product's options, ascending by id
         */
        private function countCombination(int $product, array $chosen, array $kinds, int $services)
        {
            $pairs = [];
            foreach ($kinds as $option => $kind) {
                if (!in_array($kind, self::COMBINING, true)) {
                    continue;
                }
                if (isset($chosen[$option])) {
                    $pairs[] = $option . '=' . $chosen[$option];
                } elseif ($kind === self::YES_NO) {
                    $pairs[] = $option . '=0';
                }
            }
            if ($pairs === []) {
                return;
            }
            $key = implode(';', $pairs);
            $before = isset($this->combinations[$product][$key]) ? $this->combinations[$product][$key] : 0;
            $this->combinations[$product][$key] = $before + $services;
        }

        /**
         * The options of each product that has any, ascending by id, with their types.
         *
         * @return array<int, array<int, int>>
         */
        private function kinds(): array
        {
            $known = [];
            $kinds = [];
            foreach ($this->links as $product => $groups) {
                // Most products of a shop share their groups.
                $name = implode(',', array_keys($groups));
                if (!isset($known[$name])) {
                    $known[$name] = [];
                    foreach (array_keys($groups) as $group) {
                        foreach (isset($this->options[$group]) ? $this->options[$group] : [] as $id => $option) {
                            $known[$name][$id] = (int) $option['type'];
                        }
                    }
                    ksort($known[$name]);
                }
                if ($known[$name] !== []) {
                    $kinds[$product] = $known[$name];
                }
            }
            return $kinds;
        }

        /** @return array<int, array<string, mixed>> */
        private function products(): array
        {
            $products = [];
            foreach ($this->products as $id => $product) {
                $product['inuse'] = isset($this->services[$id]) ? $this->services[$id] : 0;
                $product['configoptions'] = ['configoption' => $this->optionsOf($id)];
                $product['combinations'] = ['combination' => $this->combinationsOf($id)];
                $products[] = $product;
            }
            return $products;
        }

        /** @return array<int, array<string, mixed>> */
        private function optionsOf(int $product): array
        {
            $options = [];
            foreach (array_keys(isset($this->links[$product]) ? $this->links[$product] : []) as $group) {
                foreach (isset($this->options[$group]) ? $this->options[$group] : [] as $id => $option) {
                    $uses = isset($this->uses[$product][$id]) ? $this->uses[$product][$id] : [];
                    $option['options'] = ['option' => $this->choicesOf($id, $uses)];
                    $options[] = $option;
                }
            }
            return $options;
        }

        /**
         * @param array<int, int> $uses choice id => services or quantity
         * @return array<int, array<string, mixed>>
         */
        private function choicesOf(int $option, array $uses): array
        {
            $choices = [];
            foreach (isset($this->choices[$option]) ? $this->choices[$option] : [] as $id => $choice) {
                $inuse = isset($uses[$id]) ? $uses[$id] : 0;
                $name = $id . ':' . $inuse;
                if (!isset($this->shared[$name])) {
                    $choice['inuse'] = $inuse;
                    $this->shared[$name] = $choice;
                }
                $choices[] = $this->shared[$name];
            }
            return $choices;
        }

        /** @return array<int, array<string, mixed>> */
        private function combinationsOf(int $product): array
        {
            $used = isset($this->combinations[$product]) ? $this->combinations[$product] : [];
            // The same state is the same bytes: the monitor reads again only what changed.
            ksort($used, SORT_STRING);
            $combinations = [];
            foreach ($used as $key => $services) {
                $combinations[] = ['options' => (string) $key, 'inuse' => $services];
            }
            return $combinations;
        }

        /**
         * The columns to select: of the optional ones those that this version of WHMCS has. A missing one is later
         * left out of the answer; it is never taken for 0.
         *
         * @param string[] $needed
         * @param string[] $optional
         * @return string[]
         */
        private static function columns(string $table, string $alias, array $needed, array $optional): array
        {
            // A sample row tells them in every version of the database layer.
            $sample = (array) Capsule::table($table)->limit(1)->first();
            $there = array_filter($optional, static function (string $column) use ($sample): bool {
                return array_key_exists($column, $sample);
            });
            return array_map(static function (string $column) use ($alias): string {
                return $alias . '.' . $column;
            }, array_merge($needed, array_values($there)));
        }

        /**
         * Restricts a query to some ids, where these are few enough to be bound.
         *
         * @param mixed $query
         * @param array<int, bool>|null $ids
         * @return mixed
         */
        private static function among($query, string $column, $ids)
        {
            if ($ids === null || count($ids) > self::MOST_BOUND) {
                return $query;
            }
            return $query->whereIn($column, array_keys($ids));
        }

        /**
         * A query's rows, one at a time.
         *
         * @param mixed $query
         * @return iterable<array<string, mixed>>
         */
        private static function rows($query)
        {
            $rows = method_exists($query, 'cursor') ? $query->cursor() : $query->get();
            foreach ($rows as $row) {
                yield (array) $row;
            }
        }

        /**
         * A query's rows in the shop's order, by a column that may be missing, then by id.
         *
         * @param mixed $query
         * @return array<int, array<string, mixed>>
         */
        private static function sorted($query, string $column): array
        {
            $rows = iterator_to_array(self::rows($query), false);
            usort($rows, static function (array $one, array $other) use ($column): int {
                $place = static function (array $row) use ($column): array {
                    return [isset($row[$column]) ? (int) $row[$column] : 0, (int) $row['id']];
                };
                return $place($one) <=> $place($other);
            });
            return $rows;
        }

        /**
         * Sets a field unless there is nothing to say.
         *
         * @param mixed $value
         */
        private static function put(array &$fields, string $name, $value)
        {
            if ($value !== null) {
                $fields[$name] = $value;
            }
        }

        /**
         * @param mixed $value
         * @return int|null null where it is no whole number
         */
        private static function number($value)
        {
            if (is_int($value)) {
                return $value;
            }
            return is_string($value) && preg_match('/^-?[0-9]{1,18}$/D', $value) === 1 ? (int) $value : null;
        }

        /**
         * @param mixed $value
         * @return int|null 0 or 1; null where it is neither
         */
        private static function flag($value)
        {
            if (is_string($value) && in_array(strtolower($value), ['on', 'off'], true)) {
                return strtolower($value) === 'on' ? 1 : 0;
            }
            $number = self::number($value);
            return $number === null ? null : (int) ($number !== 0);
        }

        /**
         * @param mixed $value
         * @return string|null
         */
        private static function text($value)
        {
            if ($value === null || is_array($value) || is_object($value)) {
                return null;
            }
            $text = (string) $value;
            if (preg_match('//u', $text) === 1) {
                return $text;
            }
            // One byte that is not UTF-8 would cost WHMCS the whole answer.
            return (string) json_decode((string) json_encode($text, JSON_INVALID_UTF8_SUBSTITUTE));
        }

        /**
         * The name that a client sees: what follows "|" in "raw|shown".
         *
         * @param mixed $value
         */
        private static function shown($value): string
        {
            $text = (string) self::text($value);
            $parts = explode('|', $text, 2);
            return isset($parts[1]) && trim($parts[1]) !== '' ? trim($parts[1]) : trim($parts[0]);
        }
    }
}

$apiresults = WhmcsStockMonitorDetails::answer($_REQUEST);
